"""A recording that is held back for a reason which two people may accept, and those who decide about it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection, transaction

from accounts.models import User
from audit import triggers
from audit.ledger import Actor
from consultations.models import CallEvent
from recordings import quarantine
from recordings.models import QuarantineDecision, Recording
from recordings.quarantine import What
from tests.cast import PASSWORD, Cast
from tests.visits import CLINICIAN, Visit, recorded_visit

WHY = "Both people say that the page was open all the time."


def clinician_left(visit: Visit) -> None:
    """Make the call's log say that the clinician had left for good before anything was recorded."""
    clinician = str(visit.place(CLINICIAN).pk)
    with triggers.lifted(connection):
        event = CallEvent.objects.get(call=visit.call, kind="waiting", payload__participant__id=clinician)
        facts = {"payload": event.payload | {"for_good": True}, "at": event.at - timedelta(minutes=1)}
        CallEvent.objects.filter(pk=event.pk).update(kind="left", **facts)


def held_back(cast: Cast) -> Visit:
    """Return Ada's visit, held back because the clinician was not there."""
    visit = recorded_visit(cast.ada, at=cast.now - timedelta(hours=6))
    clinician_left(visit)
    recording = visit.process()
    assert (recording.status, recording.reason) == ("quarantined", "recorder_was_absent")
    return visit


def another_administrator(name: str = "Bo Admin") -> User:
    return User.objects.create_superuser(f"{uuid.uuid4().hex}@cast.test", PASSWORD, name=name)


def propose(
    recording: Recording, by: User, what: str = "release", *, now: datetime | None = None
) -> QuarantineDecision:
    moment = now or recording.created_at + timedelta(hours=1)
    return quarantine.propose(recording.pk, what=What(what), why=WHY, by=by, actor=Actor(by.pk), now=moment)


def confirm(decision: QuarantineDecision, by: User, *, now: datetime | None = None) -> None:
    moment = now or decision.proposed_at + timedelta(minutes=1)
    quarantine.confirm(decision.pk, by=by, actor=Actor(by.pk), now=moment)


@contextmanager
def undone() -> Iterator[None]:
    """Put everything back as it was before the block."""
    before = transaction.savepoint()
    yield
    transaction.savepoint_rollback(before)
