"""Writes what came of viewings into the ledger: seconds as a player reports them, and bytes also where none does."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from recordings.models import PlaybackSession

ONE_VIEWING = timedelta(minutes=30)
MOST_AT_ONCE = 500


def write_totals(viewing: PlaybackSession, *, seconds: int, actor: Actor, now: datetime) -> None:
    """Append a viewing's totals. Locks: the caller holds its row. Errors: LedgerUnavailable."""
    PlaybackSession.objects.filter(pk=viewing.pk).update(seconds_watched=seconds, bytes_told=viewing.bytes_served)
    detail = {"viewing": str(viewing.pk), "seconds": seconds, "bytes": viewing.bytes_served}
    ledger.append(
        actor, Line(Action.WATCHED, "recording", viewing.recording_id, viewing.patient_id, detail=detail), now=now
    )


def settle(*, now: datetime) -> int:
    """Append the totals of viewings that are over and of which more left than is written; return how many.

    Whoever takes the bytes and reports no seconds is told of, too. Idempotent because what is written is not written
    again. Errors: LedgerUnavailable; the rest comes with the next round.
    """
    over = list(_untold(now).order_by("seen_at").values_list("pk", flat=True)[:MOST_AT_ONCE])
    return sum(_settle(viewing_id, now) for viewing_id in over)


def _untold(now: datetime) -> QuerySet[PlaybackSession]:
    return PlaybackSession.objects.filter(seen_at__lte=now - ONE_VIEWING, bytes_served__gt=F("bytes_told"))


@transaction.atomic
def _settle(viewing_id: UUID, now: datetime) -> bool:
    # RACE: an answer that still runs, or another worker; what is written is what this lock read.
    viewing = _untold(now).select_for_update(of=("self",)).filter(pk=viewing_id).first()
    if viewing is None:
        return False
    actor = Actor(viewing.user_id, viewing.session_hash)
    write_totals(viewing, seconds=viewing.seconds_watched, actor=actor, now=now)
    return True
