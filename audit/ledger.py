"""Appends to the hash-chained ledger and verifies it. Knows ids, no models of other apps.

hash = SHA-256(0x00 ‖ canonical JSON of the entry with prev_hash): the leaf hash of RFC 6962, too. A reader must be
served only after `append` has returned: if the ledger cannot be written, `LedgerUnavailable` is raised and nothing is
shown.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.dispatch import Signal
from django.http import HttpRequest
from django.utils import timezone

from audit.models import Action, Entry

GENESIS = "0" * 64
POSTGRESQL_LOCK = 0x7E1E_4EA1  # any number that nothing else locks
POSTGRESQL_WAITS = "10s"
CHECKPOINT_EVERY = 1000
MOST_CHARACTERS = 500
# Sent after the transaction that completed the next CHECKPOINT_EVERY entries.
many_written = Signal()


class LedgerUnavailable(Exception):
    """The ledger could not be written, so nothing may be disclosed."""


@dataclass(frozen=True)
class Actor:
    """Who acts: a person's id with a hash of their session, or the portal itself."""

    id: UUID | None = None
    session_hash: str = ""
    request_id: str = ""


PORTAL = Actor()


def actor_of(request: HttpRequest) -> Actor:
    """Return who asks, without the session key itself, which would be a credential."""
    key = request.session.session_key or ""
    return Actor(
        id=request.user.pk if request.user.is_authenticated else None,
        session_hash=hashlib.sha256(key.encode()).hexdigest() if key else "",
        request_id=request.headers.get("X-Request-ID", "")[:64],
    )


@dataclass(frozen=True)
class Line:
    """What is to be said; `object_type` is a model's name, `reason` a word of the caller's closed vocabulary."""

    action: Action
    object_type: str = ""
    object_id: UUID | None = None
    patient: UUID | None = None
    reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def append(actor: Actor, *lines: Line, now: datetime | None = None) -> None:
    """Append lines at the end of the chain, in one transaction.

    Locks: one writer at a time – PostgreSQL by an advisory lock, SQLite because its transactions are IMMEDIATE.
    Errors: `LedgerUnavailable`; the caller discloses nothing then.
    """
    try:
        with transaction.atomic():
            lock()
            last = tip()
            seq, previous = last or (0, GENESIS)
            entries = []
            for line in lines:
                seq += 1
                entry = _entry(actor, line, seq=seq, prev_hash=previous, at=now or timezone.now())
                previous = entry.hash
                entries.append(entry)
            Entry.objects.bulk_create(entries)
            if seq // CHECKPOINT_EVERY > (seq - len(lines)) // CHECKPOINT_EVERY:
                transaction.on_commit(lambda: many_written.send(sender=Entry))
    except DatabaseError as error:
        raise LedgerUnavailable from error


def tip() -> tuple[int, str] | None:
    """Return number and hash of the last line, or None before the first. Errors: DatabaseError."""
    return Entry.objects.order_by("-seq").values_list("seq", "hash").first()


def lock() -> None:
    """Be the only writer until the transaction ends. On SQLite the transaction itself is that (IMMEDIATE)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # A writer that hangs makes the ledger unavailable to the others, not the portal for ever.
            cursor.execute(
                f"SET LOCAL lock_timeout = '{POSTGRESQL_WAITS}'; SELECT pg_advisory_xact_lock({POSTGRESQL_LOCK})"
            )


def encoded(value: Any) -> Any:
    """Return what can stand in one line on any screen: control and invisible characters as escapes, nothing endless."""
    if isinstance(value, str):
        short = value[:MOST_CHARACTERS]
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)
    if isinstance(value, dict):
        return {encoded(key): encoded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encoded(item) for item in value]
    return value


def _entry(actor: Actor, line: Line, *, seq: int, prev_hash: str, at: datetime) -> Entry:
    entry = Entry(
        seq=seq,
        at=at,
        actor=actor.id,
        action=line.action,
        object_type=line.object_type,
        object_id=line.object_id,
        patient=line.patient,
        reason=encoded(line.reason)[:64],
        detail=encoded(line.detail),
        session_hash=actor.session_hash,
        request_id=encoded(actor.request_id)[:64],
        prev_hash=prev_hash,
    )
    entry.hash = hash_of(entry)
    return entry


def canonical(entry: Entry) -> bytes:
    """Return the bytes that are hashed: JSON with sorted keys, no spaces, UTC times to the microsecond."""
    facts = {
        "seq": entry.seq,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": entry.actor and str(entry.actor),
        "action": str(entry.action),
        "object_type": entry.object_type,
        "object_id": entry.object_id and str(entry.object_id),
        "patient": entry.patient and str(entry.patient),
        "reason": entry.reason,
        "detail": entry.detail,
        "session_hash": entry.session_hash,
        "request_id": entry.request_id,
        "prev_hash": entry.prev_hash,
    }
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hash_of(entry: Entry) -> str:
    return hashlib.sha256(b"\x00" + canonical(entry)).hexdigest()


@dataclass(frozen=True)
class Fault:
    """The first place where the chain does not hold."""

    seq: int
    what: str

    def __str__(self) -> str:
        return f"Entry {self.seq} {self.what}. Nothing after it can be trusted."


class Broken(Exception):
    """The chain does not hold; `fault` says where."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def walk(entries: Iterable[Entry], *, seq: int = 0, previous: str = GENESIS) -> Iterator[Entry]:
    """Yield entries that follow the one numbered `seq` with the hash `previous`, each once it is verified.

    Errors: Broken at the first that is missing, does not follow or was changed.
    """
    for entry in entries:
        seq += 1
        if entry.seq != seq:
            raise Broken(Fault(seq, "is missing"))
        if entry.prev_hash != previous:
            raise Broken(Fault(seq, "does not follow the one before"))
        if entry.hash != hash_of(entry):
            raise Broken(Fault(seq, "was changed"))
        previous = entry.hash
        yield entry


def first_fault() -> Fault | None:
    """Walk the chain from its beginning; return where it first breaks, or None."""
    try:
        for _ in walk(Entry.objects.order_by("seq").iterator(chunk_size=2000)):
            pass
    except Broken as broken:
        return broken.fault
    return None
