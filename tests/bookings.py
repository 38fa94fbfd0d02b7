"""Gives clinicians of the tests their hours, at dates that never change."""

from datetime import UTC, date, datetime, time, timedelta

from consultations.schedule import Availability
from patients.models import Clinician

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
