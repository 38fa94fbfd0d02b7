"""Knocks at one door as one person, and says what came: an outcome in the table's words, and the answer in full.

What varies from answer to answer by design is taken out, and nothing else: the masked CSRF token, the times and the
signature of a cookie, the time in `Expires` of a page that is stale at once, and the id that was asked.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.messages.storage.cookie import CookieStorage
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponseBase
from django.http.cookie import SimpleCookie
from django.test import RequestFactory
from django.test.client import ClientHandler

from audit.models import Action, Entry
from recordings.models import Recording
from tests.access.table import Door
from tests.access.world import NEVER, Matrix, Person, content_type_of
from tests.replays import body_of

CSRF = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Za-z]{64}(?![0-9A-Za-z])")
# The line asked for, in the address of a sign-in page that leads back.
LINE = re.compile(r"(?<=/access)/\d+/")
WRITES = re.compile(r'^\s*(?:INSERT|UPDATE|DELETE)\b[^"]*"(\w+)"', re.I)
SURFACES = ("/", "/clinic/", "/admin/", "/landing/", "/recordings/")
BY_STATUS = {
    200: "shown", 206: "shown", 201: "done", 202: "done", 204: "done", 401: "unauthorised",
    403: "refused", 404: "absent", 405: "not-allowed", 409: "conflict", 410: "over",
    415: "unsuitable",
}  # fmt: skip
# What a refusal may write: a line in the ledger; a session that is dead anyway; allauth's copy of one's own address.
LEFT_BY_A_REFUSAL = frozenset({"audit_entry", "django_session", "account_emailaddress"})
CHUNK = b"a chunk"


@dataclass(frozen=True)
class Asked:
    """One request. `words` is everything the person said, for telling an echo from a disclosure."""

    method: str
    path: str
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> bytes:
        return b" ".join([self.path.encode(), self.body, *(value.encode() for _, value in self.headers)])


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    told: str
    wrote: frozenset[str]

    @property
    def text(self) -> bytes:
        """Everything that reached the person."""
        headers = (f"{name}: {value}".encode() for name, value in self.headers)
        return b"\n".join([*headers, self.told.encode(), self.body])

    def header(self, name: str) -> str:
        return dict(self.headers).get(name, "")

    def outcome(self) -> str:
        if self.status not in (301, 302):
            return BY_STATUS.get(self.status, str(self.status))
        to = dict(self.headers)["Location"]
        if to.startswith("/account/login/?next="):
            return "sign-in"
        if to.startswith(tuple(f"{site}login/?next=" for site in SURFACES)):
            return "site-sign-in"
        if self.told and to in SURFACES:
            return "nothing-there"
        return "own-surface" if to in SURFACES else "moved"

    def without(self, asked: str) -> tuple[int, tuple[tuple[str, str], ...], bytes, str]:
        """Return the answer as somebody would see it who asked for another id."""
        # The number of a row is found as part of an address only: by itself it may stand for anything.
        id_ = re.compile(rf"(?<=/|F){asked}(?=/|%2F)" if re.fullmatch(r"\d{1,6}", asked) else re.escape(asked))
        headers = tuple((name, LINE.sub("/LINE/", id_.sub("ASKED", value))) for name, value in self.headers)
        body = CSRF.sub(b"CSRF", re.compile(id_.pattern.encode()).sub(b"ASKED", self.body))
        return self.status, headers, body, id_.sub("ASKED", self.told)


class Browser(RequestFactory):
    """Django's test client without what only a test of one's own page needs: its cookies never change."""

    def __init__(self, cookies: SimpleCookie, *, asks_for_csrf: bool = False) -> None:
        super().__init__()
        self.cookies, self.handler = cookies, ClientHandler(enforce_csrf_checks=asks_for_csrf)

    def request(self, **request: Any) -> HttpResponseBase:  # type: ignore[override]
        return self.handler(self._base_environ(**request))


def knock(browser: Browser, asked: Asked, *, look: Callable[[set[str]], None] = lambda wrote: None) -> Answer:
    """Send a request and take back everything it changed, after a last `look`, which is told the tables it wrote."""
    wrote: set[str] = set()

    def noted(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if match := WRITES.match(sql):
            wrote.add(match[1])
        return execute(sql, *rest)

    with transaction.atomic(), connection.execute_wrapper(noted):
        response = browser.generic(
            asked.method, asked.path, asked.body, asked.content_type, headers=dict(asked.headers)
        )
        body = body_of(response) if response.streaming else response.content
        look(wrote)
        transaction.set_rollback(True)
    headers = tuple(sorted((name, value) for name, value in response.items() if name != "Expires"))
    cookies, told = _cookies(response.cookies)
    return Answer(response.status_code, (*headers, *cookies), body, told, frozenset(wrote))


def _cookies(cookies: SimpleCookie) -> tuple[list[tuple[str, str]], str]:
    """Return the names of the cookies with what they are for, and the messages that one of them holds."""
    kept, told = [], ""
    for name, morsel in cookies.items():
        if name == "messages":
            stored = CookieStorage(HttpRequest())._decode(morsel.value) or []
            told = " ".join(str(message) for message in stored)
        value = "kept" if morsel.value else "deleted"
        kept.append(("Set-Cookie", f"{name}={value}; {morsel['path']} {morsel['samesite']}"))
    return kept, told


def ask(matrix: Matrix, person: Person, door: Door, method: str, target: str | None) -> Asked:
    """Return the request at this door: with the id in the address, and in the body if the door takes it there."""
    values = {
        "number": "0", "app_label": "recordings" if door.name.startswith("/clinic/") else "accounts", "url": "nowhere",
        "key": "set-password", "uidb36": "1", "content_type_id": content_type_of(Recording), "object_id": target or "",
        "pk": target or "", "recording_id": target or "", "token": "no-token",
    }  # fmt: skip
    if "<line>" in door.name:
        values["line"] = _line_about(target)
    path = re.sub(r"<(\w+)>", lambda match: values[match[1]], door.name)
    token = person.token or "no-token"
    headers = {"Authorization": f"Bearer {token}"} if door.is_token else {}
    body, kind = b"", "application/json"
    if method in ("POST", "PUT", "PATCH", "DELETE"):
        body, kind, more = BODIES.get(door.name, _form)(target or str(NEVER))
        headers |= more
    return Asked(method, path, body, kind, tuple(headers.items()))


def _line_about(target: str | None) -> str:
    """Return the number of a line of the ledger about this recording, one of nobody's if there is none."""
    listed = (
        Entry.objects.filter(action=Action.LISTED, object_id=target)
        if target and "-" in target
        else Entry.objects.none()
    )
    return str(listed.values_list("seq", flat=True).first() or 0)


def _form(target: str) -> tuple[bytes, str, dict[str, str]]:
    """A form that names the object in every way Django's own pages would take it."""
    body = f"id={target}&pk={target}&_selected_action={target}&object_id={target}&user={target}&patient={target}"
    return body.encode(), "application/x-www-form-urlencoded", {}


def _json(**facts: Any) -> tuple[bytes, str, dict[str, str]]:
    return json.dumps(facts).encode(), "application/json", {}


def _chunk(target: str) -> tuple[bytes, str, dict[str, str]]:
    digest = base64.b64encode(hashlib.sha256(CHUNK).digest()).decode()
    headers = {"Content-Digest": f"sha-256=:{digest}:", "X-Chunk-Time": "0-1000"}
    return CHUNK, "application/octet-stream", headers


BODIES: dict[str, Callable[[str], tuple[bytes, str, dict[str, str]]]] = {
    "/consultations/<pk>/note/": lambda target: (
        f"version=2&revision=0&do=save&text=Words+about+{target}".encode(),
        "application/x-www-form-urlencoded",
        {},
    ),
    "/consultations/<pk>/message/": lambda target: (
        f"text=Words+about+{target}".encode(),
        "application/x-www-form-urlencoded",
        {},
    ),
    "/recordings/<pk>/watched/": lambda target: _json(seconds=1, recording=target),
    "/api/v1/segments/": lambda target: _json(
        segment=str(NEVER), lease=target, mode="audio", epoch=1, mime="audio/webm", t0=1
    ),
    "/api/v1/segments/<pk>/chunks/<number>/": _chunk,
    "/api/v1/segments/<pk>/close/": lambda target: _json(
        chunks=1, bytes=1, root="0" * 64, duration_ms=1, reason="ended", segment=target
    ),
}
