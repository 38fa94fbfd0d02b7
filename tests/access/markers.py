"""Marks everything that is somebody's, and finds it again in whatever the portal says."""

import re
from collections.abc import Iterable
from uuid import UUID

# Named one by one: among the random letters of a token a pattern alone is found by chance, once in some hundred runs.
KINDS = (
    "name", "clinician", "colleague", "needs", "register", "facts", "third", "device", "holder", "message", "reason",
    "template", "why",
)  # fmt: skip
WORD = re.compile(rf"zq([a-z]+?)x({'|'.join(KINDS)})zq".encode())
ID = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}|\d{10}")
# What staff run the portal by. Everything else of a life is content to them.
FOR_STAFF = frozenset({"name", "clinician", "colleague", "needs", "register", "facts", "third"})

# What a clinician needs of a patient they care for; nothing of what others held with them.
FOR_CARE = frozenset({"name", "needs", "register"})


def mark(life: str, kind: str) -> str:
    """Return a word that stands nowhere but in this life; it survives capitals, addresses and markup."""
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not among markers.KINDS: nobody would look for it.")
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
        text = text.lower()
        found = {word[0]: (word[1].decode(), word[2].decode()) for word in WORD.finditer(text)}
        found |= {marker: self.owners[marker] for marker in set(ID.findall(text)) if marker in self.owners}
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
