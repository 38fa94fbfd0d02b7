"""What is free of clinicians' hours, as the database knows it."""

from datetime import date, datetime, time, timedelta

import pytest
from django.db.models import QuerySet

from consultations import diary, waiting_list
from consultations.booking import book
from consultations.models import Consultation, SlotOffer
from consultations.schedule import Availability, TimeOff
from tests.bookings import LONG_BEFORE, MONDAY, at, make_hours, make_offer
from tests.cast import FIFTEEN, Cast

pytestmark = [pytest.mark.database, pytest.mark.django_db]
A_WEEK = timedelta(days=7)


def starts(rules: QuerySet[Availability] | None = None, **facts: object) -> list[str]:
    facts = {"from_": MONDAY, "to": MONDAY + A_WEEK, "now": LONG_BEFORE, **facts}
    slots = diary.free(Availability.objects.all() if rules is None else rules, **facts)
    return [f"{slot.starts_at:%a %H:%M}" for slot in slots]


def booked(cast: Cast, starts_at: datetime, clinician: object = None, **facts: object) -> Consultation:
    who = {"patient": cast.ada.patient, "clinician": clinician or cast.ada.clinician} | facts
    return book(**who, starts_at=starts_at, ends_at=starts_at + FIFTEEN, reason="Visit", now=LONG_BEFORE)


def test_every_slot_is_free_at_first(cast: Cast) -> None:
    make_hours(cast.ada.clinician)
    assert starts() == ["Mon 09:00", "Mon 09:15", "Mon 09:30", "Mon 09:45"]


def test_a_consultation_takes_its_slot_until_it_is_cancelled(cast: Cast) -> None:
    make_hours(cast.ada.clinician)
    taken = booked(cast, at(9, 15), patient=cast.ben.patient)
    assert starts() == ["Mon 09:00", "Mon 09:30", "Mon 09:45"]
    Consultation.objects.filter(pk=taken.pk).update(status=Consultation.Status.CANCELLED)
    assert "Mon 09:15" in starts()


def test_time_off_takes_what_it_touches(cast: Cast) -> None:
    make_hours(cast.ada.clinician)
    TimeOff.objects.create(clinician=cast.ada.clinician, starts_at=at(9, 20), ends_at=at(9, 40))
    assert starts() == ["Mon 09:00", "Mon 09:45"]


def test_the_colleagues_time_is_their_own(cast: Cast) -> None:
    make_hours(cast.ada.clinician)
    booked(cast, at(9), clinician=cast.ada.colleague)
    TimeOff.objects.create(clinician=cast.ada.colleague, starts_at=MONDAY, ends_at=MONDAY + A_WEEK)
    assert len(starts()) == 4


def test_a_patient_is_offered_nothing_at_a_time_they_have_already(cast: Cast) -> None:
    make_hours(cast.ada.clinician)
    booked(cast, at(9, 20), clinician=cast.ada.colleague)
    assert starts(patient=cast.ada.patient) == ["Mon 09:00", "Mon 09:45"]
    assert len(starts(patient=cast.ben.patient)) == 4


def test_nothing_nearer_than_the_notice_is_offered(cast: Cast, settings: object) -> None:
    settings.BOOKING_NOTICE = timedelta(minutes=20)
    make_hours(cast.ada.clinician)
    assert starts(now=at(9)) == ["Mon 09:30", "Mon 09:45"]
    assert starts(now=at(9, 10)) == ["Mon 09:30", "Mon 09:45"]
    assert starts(now=at(9, 11)) == ["Mon 09:45"]


def test_a_consultation_that_began_before_takes_the_first_slot(cast: Cast) -> None:
    make_hours(cast.ada.clinician)
    booked(cast, at(8, 50), patient=cast.ben.patient)
    assert starts(from_=at(9)) == ["Mon 09:15", "Mon 09:30", "Mon 09:45"]


def test_what_begins_after_the_asked_time_takes_a_long_slot_before_it(cast: Cast) -> None:
    make_hours(cast.ada.clinician, ends=time(13), slot_minutes=240)
    booked(cast, at(12), patient=cast.ben.patient)
    assert starts(to=at(9, 1)) == []


def test_old_rules_are_not_asked(cast: Cast) -> None:
    make_hours(cast.ada.clinician, valid_until=date(2027, 1, 10))
    make_hours(cast.ada.clinician, valid_from=date(2027, 1, 18))
    assert starts() == []


def test_what_is_kept_for_somebody_is_theirs_until_it_expires(cast: Cast) -> None:
    make_hours(cast.ada.clinician)
    _wish, offer = make_offer(cast.ben.patient, cast.ada.clinician)
    SlotOffer.objects.filter(pk=offer.pk).delete()
    offer.starts_at, offer.ends_at, offer.offered_at, offer.expires_at = at(9), at(9, 15), LONG_BEFORE, at(7)
    offer.save(force_insert=True)
    assert len(starts()) == len(starts(patient=cast.ada.patient)) == 3
    assert len(starts(patient=cast.ben.patient)) == len(starts(now=at(7))) == 4
    waiting_list.pass_on(offer)
    assert len(starts()) == 4


def test_four_queries_however_much_there_is(cast: Cast, django_assert_num_queries: object) -> None:
    people = [cast.ada.clinician, cast.ada.colleague, cast.ben.clinician, cast.ben.colleague]
    for number, clinician in enumerate(people):
        for weekday in "12345":
            make_hours(clinician, ends=time(17), weekday=weekday)
        booked(cast, at(9, 15 * number), clinician=clinician)
        TimeOff.objects.create(clinician=clinician, starts_at=at(12), ends_at=at(13))
    with django_assert_num_queries(4):
        assert len(starts(to=MONDAY + 8 * A_WEEK, patient=cast.ben.patient)) > 4000
