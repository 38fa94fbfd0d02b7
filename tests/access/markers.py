"""Marks everything that is somebody's, and finds it again in whatever the portal says."""

import re
from collections.abc import Iterable
from uuid import UUID

WORD = re.compile(rb"zq[a-z]+x[a-z]+zq")
ANY = re.compile(rb"zq[a-z]+x[a-z]+zq|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}|\d{10}")
# What staff run the portal by. Everything else of a life is content to them.
FOR_STAFF = frozenset({"name", "clinician", "colleague", "needs", "register", "facts", "third"})

# What a clinician needs of a patient they care for; nothing of what others held with them.
FOR_CARE = frozenset({"name", "needs", "register"})


def mark(life: str, kind: str) -> str:
    """Return a word that stands nowhere but in this life; it survives capitals, addresses and markup."""
    return f"zq{life}x{kind}zq"


class Markers:
    """`owners`: marker → (life, kind)."""

    def __init__(self) -> None:
        self.owners: dict[bytes, tuple[str, str]] = {}

    def add_ids(self, life: str, ids: Iterable[UUID], kind: str) -> None:
        self.owners |= {form.encode(): (life, kind) for id_ in ids for form in (str(id_), id_.hex)}

    def add_words(self, life: str, words: Iterable[str], kind: str) -> None:
        self.owners |= {word.encode(): (life, kind) for word in words}

    def found_in(self, text: bytes) -> dict[bytes, tuple[str, str]]:
        found = {}
        for marker in set(ANY.findall(text.lower())):
            if marker in self.owners:
                found[marker] = self.owners[marker]
            elif WORD.fullmatch(marker):
                life, _, kind = marker.decode().removeprefix("zq").removesuffix("zq").partition("x")
                found[marker] = (life, kind)
        return found

    def strays(
        self, text: bytes, *, life: str, is_staff: bool, own: bytes, asked: bytes, cares_for: str = ""
    ) -> set[str]:
        """Return what is not for this person: not of their life, not a fact for staff, not said by themselves.

        `own` holds what is theirs beside a life, `asked` the whole request, `cares_for` names whose clinician they are.
        """
        strays = set()
        for marker, (owner, kind) in self.found_in(text).items():
            cares = owner == cares_for and kind in FOR_CARE
            is_theirs = owner == life or cares or (is_staff and kind in FOR_STAFF)
            if not is_theirs and marker not in own and marker not in asked:
                strays.add(f"{kind} of {owner}: {marker.decode()}")
        return strays
