"""What pages show of a day: the clinician's list of today, and to a patient what the clinic says about their wait."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Viewer
from consultations import attendance, clinic_messages, lateness, pages, policy
from consultations.models import Call, ClinicMessage, Consultation, Participant
from consultations.services import is_expected

Status = Consultation.Status
# What is over stands in the list without asking for anything.
OVER = (Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW)


def today(user: Viewer, now: datetime) -> list[dict[str, Any]]:
    """Return a clinician's day in their own zone. Shape: rows of `clinic/_today.html`.

    Queries: six, however long the day is.
    """
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    # a planned time from last night may still be open to join
    from_, to = midnight - timedelta(hours=2), midnight + timedelta(days=1, hours=2)
    held = pages.with_all_of_a_row(policy.held_by(user)).filter(starts_at__range=(from_, to))
    sent = Prefetch("clinic_messages", ClinicMessage.objects.select_related("receipt"))
    day = list(held.prefetch_related(sent).order_by("starts_at"))
    late = lateness.minutes_late([one.clinician_id for one in day], now=now)
    return [_row(user, one, late.get(one.pk, 0), now) for one in day]


def _row(user: Viewer, consultation: Consultation, minutes_late: int, now: datetime) -> dict[str, Any]:
    row = pages.row(user, consultation, now)
    messages = list(consultation.clinic_messages.all())
    return row | {
        "minutes_late": minutes_late,
        "check_text": _check_text(consultation) if row["waiting"] else "",
        "waiting_since": pages.waiting_since(consultation),
        "is_over": consultation.status in OVER,
        "can_admit": row["waiting"] and row["can_join"],
        "can_tell": is_expected(consultation, now=now),
        "can_miss": attendance.may_be_missed(consultation, now=now) and not row["waiting"],
        "can_expect": attendance.may_be_expected_again(consultation, now=now),
        "last_message": messages[-1] if messages else None,
    }


def _check_text(consultation: Consultation) -> str:
    place = next(p for p in consultation.participants.all() if p.role == Participant.Role.PATIENT)
    return _("microphone checked") if place.audio == "on" else _("no microphone")


def wait(viewer: Viewer, consultation: Consultation, *, now: datetime) -> dict[str, Any]:
    """Return what the clinic says to who waits. Shape: `wait` of `consultations/_wait.html`.

    Only for those who may see the consultation: it holds what the clinic wrote to its patient.
    """
    is_open = is_expected(consultation, now=now)
    is_near = is_open and consultation.starts_at - now < lateness.AROUND
    late = lateness.minutes_late([consultation.clinician_id], now=now) if is_near else {}
    messages = clinic_messages.sent_to(consultation) if is_open else []
    return {
        "consultation": consultation,
        "is_near": is_near,
        "minutes_late": late.get(consultation.pk, 0),
        "unread": [one for one in messages if not one.read_at],
        "read": [one for one in messages if one.read_at],
        "is_its_patient": consultation.patient.user_id == viewer.pk,
    }


def waiting_place(consultation_id: UUID) -> tuple[Call, Participant] | None:
    """Return the live call of a consultation and its patient's place, None while nobody has joined."""
    call = Call.objects.filter(consultation=consultation_id, status=Call.Status.LIVE).first()
    patient = Participant.objects.filter(consultation=consultation_id, role=Participant.Role.PATIENT).first()
    return (call, patient) if call and patient else None
