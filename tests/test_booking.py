"""A patient books, moves and cancels; whoever is second at a slot is told so and offered the next ones."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from audit.ledger import PORTAL, Actor
from audit.models import Action, Entry
from consultations import booking, policy, signals
from consultations.booking import NotBookable, NotChangeable, TooManyPlanned, Wishes
from consultations.models import Consultation, ConsultationChange, Participant
from consultations.schedule import Availability
from patients.models import CareRelationship, Patient
from tests.bookings import LONG_BEFORE, at, make_hours
from tests.cast import FIFTEEN, Cast, make_patient

pytestmark = [pytest.mark.database, pytest.mark.django_db]
WISHES, NINE = Wishes("A cough"), at(9)


def take(patient: Patient, clinician: Any, starts_at: datetime = NINE, **facts: Any) -> Consultation:
    assert patient.user is not None
    facts = {"wishes": WISHES, "actor": Actor(patient.user.pk), "now": LONG_BEFORE, **facts}
    return booking.take(patient, policy.bookable_by(patient), clinician=clinician, starts_at=starts_at, **facts)


def planned() -> list[Consultation]:
    return list(Consultation.objects.filter(starts_at__gte=at(0), status="planned"))


@pytest.fixture
def hours(cast: Cast) -> Availability:
    return make_hours(cast.ada.clinician)


def test_a_patient_books_who_cares_for_them(cast: Cast, hours: Availability) -> None:
    wishes = Wishes("A cough", "video", "An interpreter")
    consultation = take(cast.ada.patient, cast.ada.clinician, wishes=wishes)
    consultation.refresh_from_db()
    assert (consultation.starts_at, consultation.ends_at) == (at(9), at(9, 15))
    assert (consultation.reason, consultation.preferred_mode, consultation.adjustments) == (
        "A cough", "video", "An interpreter",
    )  # fmt: skip
    for user in (cast.ada.patient.user, cast.ada.clinician.user):
        assert policy.place_in(user, consultation.pk) is not None
    line = Entry.objects.get(object_id=consultation.pk)
    assert (line.action, line.actor, line.patient) == (Action.GRANTED, cast.ada.patient.user_id, cast.ada.patient.pk)


def test_a_stranger_books_nobody_who_is_not_open_to_new_patients(cast: Cast, hours: Availability) -> None:
    ben = cast.ben.patient
    with pytest.raises(NotBookable):
        take(ben, cast.ada.clinician)
    assert planned() == []
    assert not CareRelationship.objects.filter(patient=ben, clinician=cast.ada.clinician).exists()
    Availability.objects.update(for_new_patients=True)
    assert take(ben, cast.ada.clinician).patient == ben
    assert CareRelationship.objects.filter(patient=ben, clinician=cast.ada.clinician, until=None).exists()


def test_care_that_has_ended_books_nothing_more(cast: Cast, hours: Availability) -> None:
    CareRelationship.objects.filter(patient=cast.ada.patient).update(until=timezone.now() + timedelta(days=1))
    with pytest.raises(NotBookable):
        take(cast.ada.patient, cast.ada.clinician)
    assert planned() == []


@pytest.mark.parametrize("who", ["clinician", "clinician's account", "patient's account"])
def test_nobody_books_whom_or_as_somebody_who_has_left(cast: Cast, hours: Availability, who: str) -> None:
    clinician, patient = cast.ada.clinician, cast.ada.patient
    leaving = {"clinician": clinician, "clinician's account": clinician.user, "patient's account": patient.user}[who]
    type(leaving).objects.filter(pk=leaving.pk).update(is_active=False)
    if leaving == patient.user:
        assert policy.patient_of(patient.user) is None
        return
    with pytest.raises(NotBookable):
        take(patient, clinician)


def test_pressing_twice_books_once(cast: Cast, hours: Availability) -> None:
    first, second = (take(cast.ada.patient, cast.ada.clinician) for _ in range(2))
    assert first == second and planned() == [first]
    assert Participant.objects.filter(consultation=first).count() == 2


def test_the_second_at_a_slot_gets_nothing(cast: Cast, hours: Availability) -> None:
    Availability.objects.update(for_new_patients=True)
    first = take(cast.ben.patient, cast.ada.clinician)
    with pytest.raises(NotBookable):
        take(cast.ada.patient, cast.ada.clinician)
    assert planned() == [first]


@pytest.mark.parametrize("off", [timedelta(minutes=5), timedelta(hours=4), timedelta(days=1), timedelta(days=-14)])
def test_only_slots_can_be_booked(cast: Cast, hours: Availability, off: timedelta) -> None:
    with pytest.raises(NotBookable):
        take(cast.ada.patient, cast.ada.clinician, at(9) + off)
    assert planned() == []


def test_nothing_is_booked_further_ahead_than_is_shown(cast: Cast, hours: Availability, settings: Any) -> None:
    settings.BOOKING_AHEAD = timedelta(days=7)
    with pytest.raises(NotBookable):
        take(cast.ada.patient, cast.ada.clinician, at(9, days=7))
    assert take(cast.ada.patient, cast.ada.clinician, at(9), now=LONG_BEFORE + timedelta(hours=10))


def test_one_patient_does_not_take_all_the_times(cast: Cast, hours: Availability, settings: Any) -> None:
    settings.BOOKING_MOST_AHEAD = 2
    take(cast.ada.patient, cast.ada.clinician, at(9))
    last = take(cast.ada.patient, cast.ada.clinician, at(9, 15))
    with pytest.raises(TooManyPlanned):
        take(cast.ada.patient, cast.ada.clinician, at(9, 30))
    booking.cancel(last, by=cast.ada.patient.user, actor=PORTAL, now=LONG_BEFORE)
    assert take(cast.ada.patient, cast.ada.clinician, at(9, 30))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same_person", [False, True])
def test_many_at_once_after_one_slot_leave_one_consultation(cast: Cast, same_person: bool) -> None:
    make_hours(cast.ada.clinician, for_new_patients=True)
    people = [cast.ada.patient if same_person else make_patient(f"Eager {n}") for n in range(6)]
    start, came = threading.Barrier(len(people)), list[str]()

    def press(patient: Patient) -> None:
        start.wait(30)
        try:
            came.append(str(take(patient, cast.ada.clinician).pk))
        except NotBookable:
            came.append("taken")
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=[patient]) for patient in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (consultation,) = planned()
    assert sorted(came) == sorted(
        [str(consultation.pk)] * (6 if same_person else 1) + ["taken"] * (0 if same_person else 5)
    )
    assert Participant.objects.filter(consultation=consultation).count() == 2


def test_moving_keeps_places_and_says_what_became_of_it(cast: Cast, hours: Availability) -> None:
    consultation = take(cast.ada.patient, cast.ada.clinician)
    for _ in range(2):  # the second press finds it there
        booking.move(consultation, starts_at=at(9, 30), ends_at=at(9, 45), by=cast.ada.patient.user, now=LONG_BEFORE)
    consultation.refresh_from_db()
    assert (consultation.starts_at, consultation.ends_at) == (at(9, 30), at(9, 45))
    change = ConsultationChange.objects.get(consultation=consultation)
    assert (change.what, change.was, change.by) == ("moved", at(9), cast.ada.patient.user)
    assert policy.place_in(cast.ada.patient.user, consultation.pk) is not None
    assert take(cast.ada.patient, cast.ada.clinician, at(9))  # what it left is free again


def test_moving_onto_another_is_refused_and_changes_nothing(cast: Cast, hours: Availability) -> None:
    consultation, other = (take(cast.ada.patient, cast.ada.clinician, at(9, minute)) for minute in (0, 15))
    with pytest.raises(NotBookable):
        booking.move(consultation, starts_at=other.starts_at, ends_at=other.ends_at, by=None, now=LONG_BEFORE)
    consultation.refresh_from_db()
    assert consultation.starts_at == at(9) and not ConsultationChange.objects.exists()


def test_cancelling_frees_the_time_and_happens_once(cast: Cast, hours: Availability) -> None:
    consultation = take(cast.ada.patient, cast.ada.clinician)
    for _ in range(2):
        booking.cancel(consultation, by=cast.ada.patient.user, why="Better now", actor=PORTAL, now=LONG_BEFORE)
    assert ConsultationChange.objects.get().why == "Better now"
    again = take(cast.ada.patient, cast.ada.clinician)
    assert again != consultation and planned() == [again]


@pytest.mark.parametrize("status", ["in_progress", "completed", "no_show"])
def test_what_has_begun_or_is_over_stays_as_it_is(cast: Cast, hours: Availability, status: str) -> None:
    consultation = take(cast.ada.patient, cast.ada.clinician)
    Consultation.objects.filter(pk=consultation.pk).update(status=status, ended_at=at(10))
    with pytest.raises(NotChangeable):
        booking.move(consultation, starts_at=at(9, 30), ends_at=at(9, 45), by=None, now=LONG_BEFORE)
    with pytest.raises(NotChangeable):
        booking.cancel(consultation, by=None, actor=PORTAL, now=LONG_BEFORE)
    assert not ConsultationChange.objects.exists()


def test_until_when_a_patient_may_change_it(cast: Cast, hours: Availability, settings: Any) -> None:
    settings.BOOKING_CHANGES_UNTIL_BEFORE = timedelta(hours=3)
    consultation = take(cast.ada.patient, cast.ada.clinician)
    assert booking.is_changeable(consultation, now=at(6))
    assert not booking.is_changeable(consultation, now=at(6) + timedelta(microseconds=1))
    booking.cancel(consultation, by=None, actor=PORTAL, now=LONG_BEFORE)
    assert not booking.is_changeable(consultation, now=LONG_BEFORE)


def test_who_listens_hears_of_it_after_the_commit_and_can_undo_nothing(
    cast: Cast, hours: Availability, django_capture_on_commit_callbacks: Any
) -> None:
    heard = list[str]()

    def listen(signal: Any, consultation: Consultation, **_: Any) -> None:
        heard.append({signals.booked: "booked", signals.moved: "moved", signals.cancelled: "cancelled"}[signal])
        raise ValueError("a listener's own fault")

    for signal in (signals.booked, signals.moved, signals.cancelled):
        signal.connect(listen, weak=False, dispatch_uid="test")
    try:
        with django_capture_on_commit_callbacks(execute=True):
            consultation = take(cast.ada.patient, cast.ada.clinician)
            booking.move(consultation, starts_at=at(11), ends_at=at(11) + FIFTEEN, by=None, now=LONG_BEFORE)
            booking.cancel(consultation, by=None, actor=PORTAL, now=LONG_BEFORE)
            assert heard == []
        assert heard == ["booked", "moved", "cancelled"]
    finally:
        for signal in (signals.booked, signals.moved, signals.cancelled):
            signal.disconnect(dispatch_uid="test")
