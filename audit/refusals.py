"""Refusals that stand in the ledger, and how many of them one account may cause.

Whoever tries one address after the other is told 429 instead of 404, the same for what is unknown and what is somebody
else's. What people may see stays open to them meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, transaction
from django.http import Http404, HttpRequest
from django.utils import timezone

from audit import alerts, ledger
from audit.ledger import Actor, LedgerUnavailable, Line
from audit.models import Action, Alert, AlertKind, Entry

MOST, WITHIN = 20, timedelta(minutes=1)
COUNTED = (Action.REFUSED, Action.MISUSED)


class KeysDisagree(Http404):
    """Absence to whoever asks; to the staff a grant and its reason that disagree, and nothing explains it."""

    def __init__(self, reason: str, patient: UUID) -> None:
        super().__init__()
        self.reason, self.patient = reason, patient


class TooManyRefusals(Exception):
    """This account was refused too often. The same whether what was asked for exists or not."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


def note(actor: Actor, line: Line, *, now: datetime) -> None:
    """Write a refusal down. Call it outside of a transaction.

    Errors: TooManyRefusals, then nothing is written; LedgerUnavailable.
    """
    demand_patience(actor, now=now)
    try:
        with transaction.atomic():
            # RACE: counted again as the only writer; several processes together would go past the limit.
            ledger.lock()
            demand_patience(actor, now=now)
            ledger.append(actor, line, now=now)
    except DatabaseError as error:
        raise LedgerUnavailable from error
    if _full_until(actor, now) and not _is_told(actor, now):
        alerts.raise_alert(AlertKind.GUESSING, actor=actor, now=now)


def demand_patience(actor: Actor, *, now: datetime) -> None:
    """Errors: TooManyRefusals."""
    if until := _full_until(actor, now):
        raise TooManyRefusals(max(1, round((until - now).total_seconds())))


def _full_until(actor: Actor, now: datetime) -> datetime | None:
    """Return when this account may be refused again, None if it may be now."""
    if actor.id is None:
        return None
    own = Entry.objects.filter(actor=actor.id, action__in=COUNTED).order_by("-seq")
    oldest = own.values_list("at", flat=True)[MOST - 1 : MOST].first()
    return oldest + WITHIN if oldest and oldest + WITHIN > now else None


def _is_told(actor: Actor, now: datetime) -> bool:
    """Say whether the staff heard of this account within the last round of refusals."""
    return Alert.objects.filter(
        kind=AlertKind.GUESSING, actor=actor.id, handled_at=None, last_at__gt=now - WITHIN
    ).exists()


def note_absence(actor: Actor, object_type: str, object_id: UUID, absence: Http404, *, now: datetime) -> None:
    """Write down what a policy refused, and tell the staff of keys that disagree. Call it outside of a transaction.

    Errors: TooManyRefusals, LedgerUnavailable.
    """
    if not isinstance(absence, KeysDisagree):
        note(actor, Line(Action.REFUSED, object_type, object_id), now=now)
        return
    line = Line(Action.REFUSED, object_type, object_id, absence.patient, reason=absence.reason)
    note(actor, line, now=now)
    tell_of_two_keys(actor, line, now=now)


def tell_of_two_keys(actor: Actor, refusal: Line, *, now: datetime) -> None:
    """Tell the staff that this refusal is one that a grant and its reason disagree about."""
    alerts.raise_alert(
        AlertKind.TWO_KEYS,
        actor=actor,
        now=now,
        object_type=refusal.object_type,
        object_id=refusal.object_id,
        patient=refusal.patient,
        detail={"reason": refusal.reason},
    )


@contextmanager
def noted(request: HttpRequest, object_type: str, object_id: UUID) -> Iterator[None]:
    """Write a 404 of this block into the ledger, and tell the staff of keys that disagree.

    Errors: Http404, TooManyRefusals, LedgerUnavailable.
    """
    try:
        yield
    except Http404 as absence:
        note_absence(ledger.actor_of(request), object_type, object_id, absence, now=timezone.now())
        raise
