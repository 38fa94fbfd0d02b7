"""Erases recordings whose day has come. What they were leaves the vault by `erasure`; their rows stay as tombstones."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from audit import ledger
from audit.ledger import PORTAL, Line
from audit.models import Action
from consultations.states import move
from recordings import suspensions
from recordings.models import AccessReport, DeletionRequest, Expiry, ProcessingJob, Recording
from recordings.retention import ENDING

# A night erases no more, so that a clock or a day that is wrong is noticed before everything is gone.
MOST_A_NIGHT = 500
SOON = timedelta(days=30)
Answer = DeletionRequest.Answer


def ended(now: datetime) -> QuerySet[Recording]:
    """Return what is past its day, whether or not something keeps it."""
    return Recording.objects.filter(status__in=ENDING, retain_until__lte=now)


def unhindered(recordings: QuerySet[Recording], *, now: datetime) -> QuerySet[Recording]:
    """Leave out what somebody still looks into, has asked about or was promised to be kept for longer."""
    same = Q(recording=OuterRef("pk"))
    reported = AccessReport.objects.filter(same, handled_at=None)
    worked_on = ProcessingJob.objects.filter(
        same, status__in=(ProcessingJob.Status.QUEUED, ProcessingJob.Status.RUNNING)
    )
    undecided = Q(answer__in=("", Answer.ACCEPTED), confirmed_at=None)
    promised = Q(answer=Answer.REFUSED, kept_until__gte=timezone.localdate(now))
    asked = DeletionRequest.objects.filter(same, undecided | promised, withdrawn_at=None)
    free = suspensions.marked(recordings).filter(Q(is_paused=False), legal_hold=False)
    return free.filter(~Exists(reported), ~Exists(worked_on), ~Exists(asked))


def erase_due(*, now: datetime) -> int:
    """Erase what is past its day and kept by nothing, the oldest first; return how many.

    Idempotent because what is erased is not due any more. Errors: LedgerUnavailable; the next night goes on.
    """
    due = unhindered(ended(now), now=now).order_by("retain_until", "pk").values_list("pk", flat=True)
    return sum(_erase(pk, now=now) for pk in list(due[:MOST_A_NIGHT]))


@transaction.atomic
def _erase(pk: UUID, *, now: datetime) -> bool:
    # RACE: whoever asks for its deletion or puts it under a hold locks this row, too; what they did is seen here.
    Recording.objects.select_for_update(no_key=True).get(pk=pk)
    recording = unhindered(ended(now), now=now).filter(pk=pk).first()
    if recording is None or recording.retain_until is None:
        return False
    until = recording.retain_until
    move(recording, Recording.Status.ERASED, transitions=Recording.TRANSITIONS, timeline=[])
    Expiry.objects.create(recording=recording, patient_id=recording.patient_id, kept_until=until, erased_at=now)
    detail = {"kept_until": until.isoformat()}
    ledger.append(
        PORTAL, Line(Action.DISCARDED, "recording", pk, recording.patient_id, "day_has_come", detail), now=now
    )
    return True


@dataclass(frozen=True)
class Counts:
    """`kept_back` are past their day, and something keeps them; `on_hold` are all under a legal hold."""

    erased: int
    erased_lately: int
    due_soon: int
    kept_back: int
    on_hold: int


def counts(now: datetime) -> Counts:
    standing = Recording.objects.filter(status__in=ENDING)
    due_soon = unhindered(standing.filter(retain_until__lte=now + SOON), now=now)
    past = ended(now)
    return Counts(
        erased=Expiry.objects.count(),
        erased_lately=Expiry.objects.filter(erased_at__gt=now - SOON).count(),
        due_soon=due_soon.count(),
        kept_back=past.count() - unhindered(past, now=now).count(),
        on_hold=Recording.objects.filter(legal_hold=True).exclude(status=Recording.Status.ERASED).count(),
    )
