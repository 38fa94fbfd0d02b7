"""For how long recordings are kept: which period holds, setting a new one, and what that does to standing recordings.

A longer period holds at once, a shorter one after `GRACE`. Until then the pages of every recording say when it would
end; nothing of what somebody was told is taken back before they could read it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from audit import ledger
from audit.ledger import PORTAL, Actor, Line
from audit.models import Action
from notices import outbox
from notices.models import Kind
from recordings.models import ProcessingJob, Recording, RetentionPeriod

RIGHT = "recordings.set_retentionperiod"
GRACE = timedelta(days=30)
MOST_DAYS = 36_500
AT_ONCE = 200
Status = Recording.Status
# What nobody works on any more and nobody has to decide about. What is erased has no end left.
ENDING = (Status.READY, Status.PARTIAL, Status.FAILED, Status.WITHDRAWN)


class CannotSet(Exception):
    """This period cannot be set; the text is a sentence for the administrator."""


def in_force(now: datetime) -> RetentionPeriod | None:
    return RetentionPeriod.objects.filter(since__lte=now).order_by("-set_at").first()


def coming(now: datetime) -> RetentionPeriod | None:
    """Return the shorter period that was set and has not begun. None once another was set after it."""
    newest = RetentionPeriod.objects.order_by("-set_at").first()
    return newest if newest and newest.since > now else None


def periods() -> QuerySet[RetentionPeriod]:
    """Return every period that was set, the newest first."""
    return RetentionPeriod.objects.select_related("set_by").order_by("-set_at")


def days_at(now: datetime) -> int:
    period = in_force(now)
    return period.days if period else settings.RECORDING_RETENTION_DAYS


@dataclass(frozen=True)
class Told:
    """What people read about it: the period of today, and the one that is to come."""

    days: int
    coming: RetentionPeriod | None


def told(now: datetime) -> Told:
    return Told(days_at(now), coming(now))


def end_of(recording: Recording, period: RetentionPeriod) -> datetime:
    """Return when the recording ends by this period: never before it begins to hold."""
    return max(recording.started_at + timedelta(days=period.days), period.since)


def first_day(recording: Recording, *, now: datetime) -> datetime:
    """Return until when it is kept that has no day yet: what was ready late can be watched for a while, too."""
    return max(recording.started_at + timedelta(days=days_at(now)), now + GRACE)


def sooner(recording: Recording, period: RetentionPeriod | None) -> datetime | None:
    """Return the day that a coming period gives this recording, None where it changes nothing."""
    if period is None or recording.retain_until is None or recording.status == Status.ERASED:
        return None
    end = end_of(recording, period)
    return end if end < recording.retain_until else None


@dataclass(frozen=True)
class Consequences:
    """What setting a period would do. `ends_at_once` of the `shortened` end on the day on which it begins to hold."""

    days: int
    was: int
    since: datetime
    lengthened: int
    shortened: int
    ends_at_once: int


def consequences(days: int, *, now: datetime) -> Consequences:
    """Say what would become of what stands, and change nothing. Errors: CannotSet."""
    was, waits = days_at(now), coming(now)
    if not settings.RETENTION_LEAST_DAYS <= days <= MOST_DAYS:
        raise CannotSet(
            _("Recordings are kept for %(least)s to %(most)s days.")
            % {"least": settings.RETENTION_LEAST_DAYS, "most": MOST_DAYS}
        )
    if days == was and waits is None:
        raise CannotSet(_("This is the period of today."))
    if days < was and waits is not None:
        raise CannotSet(_("A shorter period waits already. Set the one of today again first, which takes it back."))
    since = now + GRACE if days < was else now
    lasts = timedelta(days=days)
    cut = _too_late(lasts, since) if days < was else Recording.objects.none()
    return Consequences(
        days=days,
        was=was,
        since=since,
        lengthened=_too_early(lasts).count(),
        shortened=cut.count(),
        ends_at_once=cut.filter(started_at__lte=since - lasts).count(),
    )


@transaction.atomic
def set_period(days: int, *, reason: str, by: User, actor: Actor, now: datetime) -> RetentionPeriod:
    """Errors: CannotSet, LedgerUnavailable."""
    ledger.lock()  # RACE: of two administrators the second sees what the first has set
    if not by.has_perm(RIGHT):
        raise CannotSet(_("You may look at the periods, and not set them."))
    if not reason.strip():
        raise CannotSet(_("Say why."))
    what = consequences(days, now=now)
    period = RetentionPeriod.objects.create(days=days, since=what.since, reason=reason.strip(), set_by=by, set_at=now)
    facts = {"days": days, "was": what.was, "since": what.since.isoformat()}
    word = "shorter" if days < what.was else "longer"
    ledger.append(actor, Line(Action.CHANGED, "retentionperiod", period.pk, reason=word, detail=facts), now=now)
    if days < what.was:
        _write_to_patients(period, now)
    return period


def _write_to_patients(period: RetentionPeriod, now: datetime) -> None:
    """Owe a letter to every patient of whom something would end sooner; it says which day, and of no recording."""
    cut = _too_late(timedelta(days=period.days), period.since).filter(patient__user__isnull=False)
    people = cut.order_by().values_list("patient__user", flat=True).distinct()
    outbox.post(*(outbox.notice(Kind.KEPT_SHORTER, user, period, now=now) for user in people))


def _standing() -> QuerySet[Recording]:
    return Recording.objects.filter(status__in=ENDING)


def _too_early(lasts: timedelta) -> QuerySet[Recording]:
    """Return what a longer period puts off."""
    return _standing().filter(retain_until__lt=F("started_at") + lasts)


def _too_late(lasts: timedelta, since: datetime) -> QuerySet[Recording]:
    """Return what a period that begins then brings forward, but for what was prepared under it and keeps its day."""
    told_otherwise = _standing().filter(retain_until__gt=F("started_at") + lasts).filter(retain_until__gt=since)
    prepared_since = ProcessingJob.objects.filter(recording=OuterRef("pk"), finished_at__gte=since)
    return told_otherwise.filter(~Exists(prepared_since))


def apply(*, now: datetime) -> None:
    """Give standing recordings the day of the period in force.

    Only a period that was announced brings a day forward. Idempotent because a right day is left alone.
    """
    period, lasts = in_force(now), timedelta(days=days_at(now))
    while _move_some(_standing().filter(retain_until=None), partial(first_day, now=now), now):
        pass
    while _move_some(_too_early(lasts), lambda one: one.started_at + lasts, now):
        pass
    if period and period.was_announced:
        while _move_some(_too_late(lasts, period.since), partial(end_of, period=period), now):
            pass


@transaction.atomic
def _move_some(recordings: QuerySet[Recording], day_of: Callable[[Recording], datetime], now: datetime) -> int:
    """Set new days, each with a line, and return how many; a first day is nothing that was told otherwise."""
    batch = list(recordings.select_for_update(no_key=True).order_by("pk")[:AT_ONCE])
    lines = []
    for recording in batch:
        until = day_of(recording)
        if recording.retain_until:
            word = "kept_longer" if until > recording.retain_until else "kept_shorter"
            detail = {"was": recording.retain_until.isoformat(), "until": until.isoformat()}
            lines.append(Line(Action.CHANGED, "recording", recording.pk, recording.patient_id, word, detail))
        recording.retain_until = until
    if batch:
        Recording.objects.bulk_update(batch, ["retain_until"])
    if lines:
        ledger.append(PORTAL, *lines, now=now)
    return len(batch)
