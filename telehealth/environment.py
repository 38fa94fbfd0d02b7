"""Reads settings from the environment; a malformed value stops the start with a sentence. Knows no Django settings."""

import os
import re
import secrets
from pathlib import Path


class Misconfigured(SystemExit):
    """A setting has a value that cannot work; the text says what to do."""


def flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise Misconfigured(f"{name} must be one of 1, 0, true, false, yes, no; it is {value!r}.")


def words(name: str, default: list[str]) -> list[str]:
    value = os.environ.get(name, "")
    return [word.strip() for word in value.split(",") if word.strip()] or default


def languages(spoken: dict[str, str]) -> list[tuple[str, str]]:
    """Return (code, own name) of each of LANGUAGES in its order, or of all that are `spoken`."""
    codes = words("LANGUAGES", list(spoken))
    if unknown := [code for code in codes if code not in spoken]:
        raise Misconfigured(f"LANGUAGES must be some of {', '.join(spoken)}; {', '.join(unknown)} is not.")
    return [(code, spoken[code]) for code in codes]


def phone(name: str) -> str:
    """Return a telephone number as people read it, or nothing."""
    value = os.environ.get(name, "").strip()
    if value and not re.fullmatch(r"\+?[0-9][0-9 ]+", value):
        raise Misconfigured(f"{name} must be digits and spaces, perhaps with a + first; it is {value!r}.")
    return value


def number(name: str, default: int) -> int:
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if not value.isdigit():
        raise Misconfigured(f"{name} must be a whole number; it is {value!r}.")
    return int(value)


def portal_url(hosts: list[str], uses_tls: bool) -> str:
    """Return PORTAL_URL, or what follows from the first allowed host: where links in mail lead."""
    default = f"https://{hosts[0].lstrip('.')}" if uses_tls else f"http://{hosts[0]}:8000"
    value = os.environ.get("PORTAL_URL", "").strip() or default
    if not value.startswith("https://" if uses_tls else ("https://", "http://")):
        raise Misconfigured(f"PORTAL_URL must begin with https:// (http:// only without TLS); it is {value!r}.")
    return value


def secret_key(data_dir: Path) -> str:
    """Return SECRET_KEY, or the one in the data directory, made once with mode 0600."""
    if given := os.environ.get("SECRET_KEY"):
        return given
    path = data_dir / "secret_key"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # RACE: web, worker and beat may start together on a new machine; O_EXCL lets one of them write.
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(50))
    return path.read_text().strip()
