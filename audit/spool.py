"""Lines that must not wait for the ledger, because somebody's live care would: on disk until they can be appended.

Only what lets nobody see anything may be spooled: consents, refusals of what was wrong, alerts, quarantine. Reading,
listing, playing and granting call `ledger.append` and refuse when it fails.
"""

import dataclasses
import json
import logging
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from audit import ledger
from audit.files import keep_names, write_once
from audit.ledger import Actor, LedgerUnavailable, Line
from audit.models import Action, Entry

log = logging.getLogger(__name__)


def append_or_spool(actor: Actor, *lines: Line, now: datetime) -> None:
    """Append lines, or leave them on disk, fsynced, until the ledger works again.

    What was spooled inside a transaction stays if that is rolled back: better a line about something that did not last
    than something without a line. Errors: LedgerUnavailable when neither ledger nor disk can take them.
    """
    try:
        ledger.append(actor, *lines, now=now)
    except LedgerUnavailable:
        log.error("the ledger is down; %s lines are spooled", len(lines))
        try:
            _write(actor, lines, now)
        except OSError as error:
            raise LedgerUnavailable from error


def _write(actor: Actor, lines: tuple[Line, ...], now: datetime) -> None:
    """Write one file, whose name sorts by time. Shape: a JSON object a line: the fields of Actor and Line."""
    spooled = []
    for line in lines:
        marks = {"spool_id": str(uuid.uuid4()), "spooled_at": now.isoformat()}
        facts = dataclasses.asdict(dataclasses.replace(line, detail=ledger.encoded(line.detail) | marks))
        spooled.append(json.dumps({"actor": dataclasses.asdict(actor), "line": facts}, default=str))
    # Two of the same moment stay in the order in which they were said.
    name = f"{round(now.timestamp() * 1_000_000):020d}-{time.time_ns():020d}-{uuid.uuid4().hex}.jsonl"
    write_once(Path(settings.LEDGER_SPOOL_DIR) / name, "".join(text + "\n" for text in spooled).encode())


def waiting() -> list[Path]:
    """Return the spooled files, the oldest first."""
    folder = Path(settings.LEDGER_SPOOL_DIR)
    return sorted(folder.glob("*.jsonl")) if folder.is_dir() else []


def drain(*, now: datetime) -> int:
    """Append what is spooled, in order, each line once; return how many were. Stops while the ledger is down."""
    appended = 0
    for path in waiting():
        try:
            spooled = [_parse(text) for text in path.read_text().splitlines()]
        except FileNotFoundError:  # another worker has it behind it
            continue
        try:
            appended += sum(_append_once(actor, line, now) for actor, line in spooled)
        except LedgerUnavailable:
            return appended
        path.unlink(missing_ok=True)
        keep_names(path.parent)
    return appended


def _parse(text: str) -> tuple[Actor, Line]:
    read: dict[str, dict[str, Any]] = json.loads(text)
    who, said = read["actor"], read["line"]
    actor = Actor(_uuid(who["id"]), who["session_hash"], who["request_id"])
    ids = {name: _uuid(said[name]) for name in ("object_id", "patient")}
    return actor, Line(**(said | ids | {"action": Action(said["action"])}))


def _uuid(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None


def _append_once(actor: Actor, line: Line, now: datetime) -> bool:
    with transaction.atomic():
        # RACE: a worker may have been killed between append and unlink, or another may be at the same file.
        ledger.lock()
        standing = Entry.objects.filter(actor=actor.id, object_id=line.object_id, action=line.action)
        if standing.filter(detail__spool_id=line.detail["spool_id"]).exists():
            return False
        ledger.append(actor, line, now=now)
    return True
