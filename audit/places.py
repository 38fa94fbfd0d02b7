"""The second place: where checkpoints lie out of reach of whoever can write the database. Append-only."""

import re
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from audit.files import path_of, write_once

PUBLIC_KEY = "public-key.pem"
_NAME = re.compile(r"(\d{12})\.json")


def name_of(number: int) -> str:
    return f"{number:012d}.json"


class FolderPlace:
    """A folder with one file per checkpoint and the public key. Best on another volume or machine."""

    def __init__(self, uri: str) -> None:
        self.folder: Path = path_of(uri)

    def add(self, name: str, data: bytes) -> bool:
        """Return False if that name stands already. Errors: OSError."""
        return write_once(self.folder / name, data)

    def read(self, name: str) -> bytes | None:
        """Errors: OSError."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def numbers(self) -> list[int]:
        """Return the numbers of all checkpoints, in order. Errors: OSError."""
        if not self.folder.is_dir():
            return []
        return sorted(int(match[1]) for path in self.folder.iterdir() if (match := _NAME.fullmatch(path.name)))


# Another kind of place is added here: a scheme, and a class with the same three methods.
PLACES: dict[str, Callable[[str], FolderPlace]] = {"file": FolderPlace}


def place() -> FolderPlace:
    """Errors: ValueError for a CHECKPOINT_URL that no place is known for."""
    scheme = settings.CHECKPOINT_URL.partition(":")[0]
    if scheme not in PLACES:
        raise ValueError(f"CHECKPOINT_URL must start with one of: {', '.join(f'{name}://' for name in PLACES)}.")
    return PLACES[scheme](settings.CHECKPOINT_URL)
