"""Gives clinicians of the tests their hours, at dates that never change."""

from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

from consultations.models import SlotOffer, WaitingListEntry
from consultations.schedule import Availability
from patients.models import Clinician, Patient

# A Monday in winter; Europe/London is in UTC then.
MONDAY = datetime(2027, 1, 11, tzinfo=UTC)
LONG_BEFORE = MONDAY - timedelta(days=7)


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    """Return a time of that Monday, or of a day after it."""
    return MONDAY + timedelta(days=days, hours=hour, minutes=minute)


def make_hours(clinician: Clinician, starts: time = time(9), ends: time = time(10), **facts: object) -> Availability:
    """Make Monday hours with four slots of a quarter of an hour, or what the facts say."""
    facts = {"weekday": "1", "time_zone": "Europe/London", "slot_minutes": 15, "valid_from": date(2026, 1, 1), **facts}
    return Availability.objects.create(clinician=clinician, starts=starts, ends=ends, **facts)


def make_offer(patient: Patient, clinician: Clinician, **said: str) -> tuple[WaitingListEntry, SlotOffer]:
    """Put a patient on the waiting list, and keep a time of tomorrow for them."""
    now = timezone.now()
    starts_at = now + timedelta(days=1, minutes=1)
    said = {"reason": "A cough", **said}
    wish = WaitingListEntry.objects.create(patient=patient, until=starts_at.date(), created_at=now, **said)
    offer = SlotOffer.objects.create(
        entry=wish, patient=patient, clinician=clinician, starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=15), offered_at=now, expires_at=now + timedelta(hours=2),
    )  # fmt: skip
    return wish, offer
