"""What stands beside the call for its clinician: who the patient is, and what came before."""

from datetime import date, datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from audit.ledger import actor_of
from consultations import notes, policy
from consultations.models import Consultation
from consultations.note_pages import version
from patients import policy as patients_policy
from patients.nhs_number import spaced

MOST_BEFORE = 4


def age_on(day: date, born: date) -> int:
    """Return whole years; somebody born on 29 February is a year older on 1 March where there is no 29th."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def summary(request: HttpRequest, consultation: Consultation, *, now: datetime) -> dict[str, Any]:
    """Shape: `patient` (None once care has ended), `nhs_number`, `age`, `before` of `consultations/_beside.html`.

    Errors: LedgerUnavailable.
    """
    patient = patients_policy.visible_to(request.user).filter(pk=consultation.patient_id).first()
    return {
        "patient": patient,
        "nhs_number": spaced(patient.nhs_number or "") if patient else "",
        "age": age_on(timezone.localdate(now), patient.date_of_birth) if patient else None,
        "before": _before(request, consultation, now),
    }


def _before(request: HttpRequest, consultation: Consultation, now: datetime) -> list[dict[str, Any]]:
    """Return the last consultations of these two people, each with what was shared of its note."""
    with_them = policy.held_by(request.user).filter(patient=consultation.patient_id).exclude(pk=consultation.pk)
    last = list(with_them.filter(starts_at__lt=consultation.starts_at).order_by("-starts_at")[:MOST_BEFORE])
    shared = Q(consultation__in=last, shared_at__isnull=False)
    versions: dict[Any, list[dict[str, Any]]] = {}
    for note in notes.read(request.user, shared, actor=actor_of(request), now=now):
        versions.setdefault(note.consultation_id, []).append(version(note))
    return [
        {
            "starts_at": one.starts_at,
            "reason": one.reason,
            "status": one.get_status_display(),
            "url": reverse("clinic:consultations_consultation_change", args=[one.pk]),
            "versions": versions.get(one.pk, []),
        }
        for one in last
    ]
