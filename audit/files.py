"""Files that are there completely and for good, or not at all. Knows nothing of the ledger."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PART = ".part-"


def write_once(path: Path, data: bytes) -> bool:
    """Make a file of mode 0600 that survives a power cut; return False if one of that name stands already.

    Errors: OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(_PART + secrets.token_hex(16))
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # RACE: a rename would replace what another process wrote meanwhile; a link never does.
        with suppress(FileExistsError):
            os.link(part, path)
            return True
        return False
    finally:
        part.unlink()
        keep_names(path.parent)


def keep_names(folder: Path) -> None:
    """Make what was added to or removed from a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def path_of(uri: str) -> Path:
    """Errors: ValueError unless the URI is file:///absolute/path."""
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ValueError(f"{uri!r} must be file:///absolute/path.")
    return Path(unquote(parts.path))
