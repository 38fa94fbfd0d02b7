"""What reception looks up while somebody is on the phone: who they are, what is planned for them, what is free.

Schedule facts only: why somebody comes is never read here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from consultations import booking_pages, clinic_messages, lateness, policy
from consultations.booking import CHANGEABLE
from consultations.booking_pages import ANYBODY
from consultations.models import Consultation
from consultations.services import is_expected
from patients.clinic import as_date, as_nhs_number
from patients.models import Clinician, Patient
from patients.nhs_number import spaced

MOST_FOUND, MOST_PAST = 20, 5
AT_ONCE = timedelta()  # the notice that the clinic itself needs
Status = Consultation.Status


def facts_only() -> QuerySet[Consultation]:
    return Consultation.objects.with_people().defer("reason")


@dataclass(frozen=True)
class Found:
    """`next` is what is planned for them soonest."""

    patient: Patient
    nhs_number: str
    next: Consultation | None


def find(term: str, *, now: datetime) -> list[Found]:
    """Return who has this whole date of birth or NHS number, or all these words in their name. Queries: two."""
    ahead = facts_only().filter(status__in=CHANGEABLE, ends_at__gt=now).order_by("starts_at")
    people = Patient.objects.filter(_matches(term)).order_by("name", "date_of_birth")
    people = people.prefetch_related(Prefetch("consultations", ahead, to_attr="ahead"))[:MOST_FOUND]
    return [Found(one, spaced(one.nhs_number or ""), next(iter(one.ahead), None)) for one in people]


def _matches(term: str) -> Q:
    if born := as_date(term):
        return Q(date_of_birth=born)
    if number := as_nhs_number(term):
        return Q(nhs_number=number)
    matches = Q()
    for word in term.split():
        matches &= Q(name__icontains=word)
    return matches


def planned_for(patient: Patient, *, now: datetime) -> list[dict[str, Any]]:
    """Return what is planned or goes on, soonest first. Shape: `rows` of `desk_patient.html`."""
    live = Q(status__in=CHANGEABLE, ends_at__gt=now) | Q(status=Status.IN_PROGRESS)
    planned = list(facts_only().filter(live, patient=patient).order_by("starts_at"))
    late = lateness.minutes_late([one.clinician_id for one in planned], now=now)
    return [
        {
            "consultation": one,
            "minutes_late": late.get(one.pk, 0),
            "can_change": one.status in CHANGEABLE,
            "can_tell": is_expected(one, now=now),
        }
        for one in planned
    ]


def past_of(patient: Patient, *, now: datetime) -> list[Consultation]:
    past = facts_only().filter(patient=patient).exclude(status__in=CHANGEABLE, ends_at__gt=now)
    return list(past.exclude(status=Status.IN_PROGRESS).order_by("-starts_at")[:MOST_PAST])


def choices(patient: Patient, *, chosen: str) -> dict[str, Any]:
    """Return whom the clinic can book for a patient. Shape: `known` and `others`, each `key`, `name`, `speciality`."""
    known = booking_pages.choices(patient)
    keys = {choice["key"] for choice in known}
    with_hours = policy.bookable_by_the_clinic().values("clinician")
    people = Clinician.objects.filter(pk__in=with_hours).select_related("user").order_by("user__name")
    others = [
        {"key": str(one.pk), "name": one.display_name, "speciality": one.speciality}
        for one in people
        if str(one.pk) not in keys
    ]
    every = keys | {choice["key"] for choice in others}
    return {"known": known, "others": others, "chosen": chosen if chosen in every else known[0]["key"]}


def days(patient: Patient, chosen: str, page: str | None, *, besides: Consultation | None, now: datetime) -> Any:
    """Return a page of days with what is free, also for what is to be moved, as `booking/_days.html` takes it."""
    rules = policy.bookable_by_the_clinic()
    if chosen != ANYBODY:
        rules = rules.filter(clinician=UUID(chosen))
    slots, _ahead = booking_pages.soonest(patient, rules, chosen, now=now, besides=besides, notice=AT_ONCE)
    return booking_pages.days(slots, page)


def messages_to(consultation: Consultation) -> list[dict[str, Any]]:
    """Return what was sent so far. SECURITY: the words of the clinician stay between them and the patient."""
    clinician = consultation.clinician.user_id
    return [
        {"sent_at": one.sent_at, "read_at": one.read_at, "text": "" if one.by_id == clinician else one.text}
        for one in clinic_messages.sent_to(consultation)
    ]
