"""Reminders, and that a clinician waits: computed from the rows, so that nothing is lost while no worker runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, QuerySet

from consultations.letters import awaited
from consultations.models import Consultation, ConsultationChange
from notices import outbox
from notices.models import Kind, Notice


@dataclass(frozen=True)
class Reminder:
    """Sent `before` the start, unless the person was told of that time less than `news` before the reminder."""

    kind: Kind
    before: timedelta
    news: timedelta


REMINDERS = (
    Reminder(Kind.DAY_BEFORE, before=timedelta(days=1), news=timedelta(hours=12)),
    Reminder(Kind.HOUR_BEFORE, before=timedelta(hours=1), news=timedelta(hours=2)),
)


def post_all(*, now: datetime) -> None:
    """Owe what has come due since the last time. Idempotent because one start is reminded of once by each kind."""
    for reminder in REMINDERS:
        _post(reminder.kind, _close(reminder, now), occasion=lambda one: one.starts_at.isoformat(), now=now)
    _post(Kind.WAITING, awaited(now), occasion=lambda one: "", now=now)


def _close(reminder: Reminder, now: datetime) -> QuerySet[Consultation]:
    lately = F("starts_at") - reminder.before - reminder.news
    moved_lately = ConsultationChange.objects.filter(
        consultation=OuterRef("pk"),
        at__gt=ExpressionWrapper(
            OuterRef("starts_at") - (reminder.before + reminder.news), output_field=DateTimeField()
        ),
    )
    return Consultation.objects.filter(
        ~Exists(moved_lately),
        status=Consultation.Status.PLANNED,
        starts_at__gt=now,
        starts_at__lte=now + reminder.before,
        created_at__lte=lately,
    )


def _post(kind: Kind, of: QuerySet[Consultation], *, occasion: Callable[[Consultation], str], now: datetime) -> None:
    known = Notice.objects.filter(kind=kind, object_id__in=of.values("pk")).values_list("object_id", "occasion")
    posted = set(known)
    missing = [
        one for one in of.only("patient__user", "starts_at").select_related("patient")
        if (one.pk, occasion(one)) not in posted
    ]  # fmt: skip
    outbox.post(*(outbox.notice(kind, one.patient.user_id, one, now=now, occasion=occasion(one)) for one in missing))
