"""Reminders, and that a clinician waits: computed from the rows, so that nothing is lost while no worker runs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, QuerySet

from consultations.letters import awaited
from consultations.models import Consultation, ConsultationChange
from notices import outbox
from notices.models import Kind, Notice


def day_before(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the same time by the clock on the wall, a day earlier: 23 to 25 hours before.

    A wall time that does not exist that day is the hour after it; of one that comes twice it is the first.
    """
    local = moment.astimezone(zone)
    return datetime.combine(local.date() - A_DAY, local.time().replace(fold=0), tzinfo=zone).astimezone(UTC)


def hour_before(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment - AN_HOUR


@dataclass(frozen=True)
class Reminder:
    """Due at `at` in the person's zone, never more than `most` before the start; unless the person was told of that
    time about `news` before it is due, or later."""

    kind: Kind
    at: Callable[[datetime, ZoneInfo], datetime]
    most: timedelta
    news: timedelta


A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
REMINDERS = (
    Reminder(Kind.DAY_BEFORE, day_before, most=A_DAY + AN_HOUR, news=timedelta(hours=12)),
    Reminder(Kind.HOUR_BEFORE, hour_before, most=AN_HOUR, news=timedelta(hours=2)),
)


def post_all(*, now: datetime) -> None:
    """Owe what has come due since the last time. Idempotent because one start is reminded of once by each kind."""
    for reminder in REMINDERS:
        due = [one for one in _close(reminder, now) if reminder.at(one.starts_at, _zone_of(one)) <= now]
        _post(reminder.kind, due, occasion=lambda one: one.starts_at.isoformat(), now=now)
    waiting = awaited(now).only("patient__user", "starts_at").select_related("patient")
    _post(Kind.WAITING, waiting, occasion=lambda one: "", now=now)


def _zone_of(consultation: Consultation) -> ZoneInfo:
    user = consultation.patient.user
    return ZoneInfo(user.time_zone if user else settings.DEFAULT_PERSON_TIME_ZONE)


def _close(reminder: Reminder, now: datetime) -> QuerySet[Consultation]:
    lately = F("starts_at") - reminder.most - reminder.news
    moved_lately = ConsultationChange.objects.exclude(what=ConsultationChange.What.NEEDS).filter(
        consultation=OuterRef("pk"),
        at__gt=ExpressionWrapper(OuterRef("starts_at") - (reminder.most + reminder.news), output_field=DateTimeField()),
    )
    planned = Consultation.objects.select_related("patient__user").only("starts_at", "patient__user__time_zone")
    return planned.filter(
        ~Exists(moved_lately),
        status=Consultation.Status.PLANNED,
        starts_at__gt=now,
        starts_at__lte=now + reminder.most,
        created_at__lte=lately,
    )


def _post(kind: Kind, of: Iterable[Consultation], *, occasion: Callable[[Consultation], str], now: datetime) -> None:
    at_hand = list(of)
    known = Notice.objects.filter(kind=kind, object_id__in=[one.pk for one in at_hand])
    posted = set(known.values_list("object_id", "occasion"))
    missing = [one for one in at_hand if (one.pk, occasion(one)) not in posted]
    outbox.post(*(outbox.notice(kind, one.patient.user_id, one, now=now, occasion=occasion(one)) for one in missing))
