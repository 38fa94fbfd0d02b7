"""Who waits is offered what becomes free, first come first, for a while; then the next one is."""

import threading
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from audit.ledger import PORTAL, Actor
from audit.models import Entry
from consultations import booking, policy, signals, waiting_list
from consultations.booking import NotBookable, TooManyPlanned, Wishes
from consultations.models import Consultation, SlotOffer, WaitingListEntry
from consultations.schedule import Availability
from consultations.waiting_list import OfferOver
from patients.models import Patient
from patients.services import begin_care
from tests.bookings import LONG_BEFORE, at, make_hours
from tests.cast import Cast, make_patient

pytestmark = [pytest.mark.database, pytest.mark.django_db]
MINUTE = timedelta(minutes=1)
LASTS = timedelta(hours=2)
THAT_WEEK = date(2027, 1, 15)
WISHES = Wishes("A cough", "video", "An interpreter")


def wait(patient: Patient, clinician: Any = None, *, until: date = THAT_WEEK, turn: int = 0) -> WaitingListEntry:
    now = LONG_BEFORE + turn * MINUTE
    return waiting_list.join(patient, clinician=clinician, until=until, wishes=WISHES, now=now)


def sweep(now: datetime = LONG_BEFORE) -> list[tuple[Patient, str]]:
    """Return who is offered what afterwards."""
    waiting_list.sweep(now=now)
    standing = SlotOffer.objects.filter(status="open").select_related("patient").order_by("starts_at")
    return [(offer.patient, f"{offer.starts_at:%H:%M}") for offer in standing]


def accept(patient: Patient, now: datetime = LONG_BEFORE) -> Consultation:
    offer = SlotOffer.objects.filter(patient=patient).select_related("patient__user", "clinician").latest("offered_at")
    return waiting_list.accept(offer, actor=Actor(patient.user_id), now=now)


def hours(clinician: Any, **facts: Any) -> Availability:
    """Make hours on that Monday, none on the one on which people begin to wait."""
    return make_hours(clinician, valid_from=at(0).date(), **facts)


@pytest.fixture
def full(cast: Cast) -> list[Consultation]:
    """Ada's clinician has two times that Monday, and both are taken; Ben is their patient, too."""
    hours(cast.ada.clinician, slot_minutes=30)
    begin_care(cast.ben.patient, cast.ada.clinician, why="moved here", now=LONG_BEFORE)
    others = [make_patient(f"Other {n}") for n in range(2)]
    return [
        booking.book(
            other, cast.ada.clinician, starts_at=at(9, 30 * n), ends_at=at(9, 30 * n + 30), reason="x", now=LONG_BEFORE
        )
        for n, other in enumerate(others)
    ]


def cancel(consultation: Consultation) -> None:
    booking.cancel(consultation, by=None, actor=PORTAL, now=LONG_BEFORE)


def test_nothing_is_offered_while_everything_is_taken(cast: Cast, full: Any) -> None:
    wait(cast.ada.patient)
    assert sweep() == []


def test_the_first_who_waits_is_offered_what_becomes_free(cast: Cast, full: Any) -> None:
    wait(cast.ben.patient, turn=1)
    wait(cast.ada.patient, turn=2)
    cancel(full[1])
    for _ in range(3):
        assert sweep() == [(cast.ben.patient, "09:30")]
    cancel(full[0])
    assert sweep() == [(cast.ada.patient, "09:00"), (cast.ben.patient, "09:30")]


def test_while_nothing_is_free_a_sweep_asks_little_however_many_wait(
    cast: Cast, full: Any, django_assert_num_queries: Any
) -> None:
    for turn in range(5):
        wait(make_patient(f"Patient {turn}"), turn=turn)
    with django_assert_num_queries(7):
        waiting_list.sweep(now=LONG_BEFORE + timedelta(days=7))


def test_what_is_offered_is_booked_with_the_wishes(cast: Cast, full: Any) -> None:
    wait(cast.ada.patient, cast.ada.clinician)
    cancel(full[0])
    sweep()
    consultation = accept(cast.ada.patient)
    assert (consultation.starts_at, consultation.reason, consultation.adjustments) == (
        at(9),
        "A cough",
        "An interpreter",
    )
    assert policy.place_in(cast.ada.patient.user, consultation.pk) is not None
    assert Entry.objects.filter(object_id=consultation.pk, actor=cast.ada.patient.user_id).count() == 1
    assert accept(cast.ada.patient) == consultation
    assert WaitingListEntry.objects.get().status == "booked" and SlotOffer.objects.get().status == "accepted"
    assert sweep() == []


def test_what_is_kept_for_one_cannot_be_booked_by_another(cast: Cast, full: Any) -> None:
    wait(cast.ada.patient)
    cancel(full[0])
    sweep()

    def take(patient: Patient, now: datetime) -> Consultation:
        return booking.take(
            patient, policy.bookable_by(patient), clinician=cast.ada.clinician, starts_at=at(9), wishes=WISHES,
            actor=Actor(patient.user_id), now=now,
        )  # fmt: skip

    with pytest.raises(NotBookable):
        take(cast.ben.patient, LONG_BEFORE)
    assert take(cast.ben.patient, LONG_BEFORE + LASTS)


def test_an_offer_that_expires_goes_to_the_next(cast: Cast, full: Any) -> None:
    wait(cast.ada.patient, turn=1)
    wait(cast.ben.patient, turn=2)
    cancel(full[0])
    assert sweep() == [(cast.ada.patient, "09:00")]
    assert sweep(LONG_BEFORE + LASTS - MINUTE) == [(cast.ada.patient, "09:00")]
    assert sweep(LONG_BEFORE + LASTS) == [(cast.ben.patient, "09:00")]
    with pytest.raises(OfferOver):
        accept(cast.ada.patient, LONG_BEFORE + LASTS)
    assert sweep(LONG_BEFORE + 2 * LASTS) == []  # nobody is offered the same time twice
    assert WaitingListEntry.objects.filter(status="waiting").count() == 2


def test_an_offer_is_over_the_moment_it_expires_whether_or_not_somebody_swept(cast: Cast, full: Any) -> None:
    wait(cast.ada.patient)
    cancel(full[0])
    sweep()
    assert waiting_list.offer_to(cast.ada.patient.user, now=LONG_BEFORE + LASTS - MINUTE)
    assert waiting_list.offer_to(cast.ada.patient.user, now=LONG_BEFORE + LASTS) is None
    with pytest.raises(OfferOver):
        accept(cast.ada.patient, LONG_BEFORE + LASTS)


def test_who_passes_keeps_waiting_and_the_next_is_asked(cast: Cast, full: Any) -> None:
    wait(cast.ada.patient, turn=1)
    wait(cast.ben.patient, turn=2)
    cancel(full[0])
    sweep()
    for _ in range(2):
        waiting_list.pass_on(SlotOffer.objects.get(patient=cast.ada.patient))
    assert sweep() == [(cast.ben.patient, "09:00")]
    cancel(full[1])
    assert (cast.ada.patient, "09:30") in sweep()


def test_who_leaves_is_offered_nothing_more(cast: Cast, full: Any) -> None:
    entry = wait(cast.ada.patient, turn=1)
    wait(cast.ben.patient, turn=2)
    cancel(full[0])
    sweep()
    for _ in range(2):
        waiting_list.leave(entry)
    assert sweep() == [(cast.ben.patient, "09:00")]
    with pytest.raises(OfferOver):
        accept(cast.ada.patient)


def test_a_wish_for_one_clinician_is_not_answered_by_another(cast: Cast, full: Any) -> None:
    hours(cast.ada.colleague)
    wait(cast.ada.patient, cast.ada.clinician)
    assert sweep() == []
    wait(cast.ada.patient)  # now whoever is free first
    assert sweep() == [(cast.ada.patient, "09:00")]
    assert SlotOffer.objects.get().clinician == cast.ada.colleague


def test_hours_that_are_not_open_to_them_are_not_offered(cast: Cast, full: Any) -> None:
    hours(cast.ben.clinician)
    wait(cast.ada.patient)
    assert sweep() == []
    Availability.objects.filter(clinician=cast.ben.clinician).update(for_new_patients=True)
    assert sweep() == [(cast.ada.patient, "09:00")]


@pytest.mark.parametrize(("zone", "offered"), [("Europe/London", True), ("Pacific/Kiritimati", False)])
def test_until_a_day_means_until_its_end_where_the_patient_is(cast: Cast, full: Any, zone: str, offered: bool) -> None:
    """Monday 22:00 in London is Tuesday in Kiritimati."""
    hours(cast.ada.clinician, starts=_time(22), ends=_time(23))
    type(cast.ada.patient.user).objects.filter(pk=cast.ada.patient.user_id).update(time_zone=zone)
    wait(cast.ada.patient, until=date(2027, 1, 11))
    assert bool(sweep()) == offered


def _time(hour: int) -> Any:
    return at(hour).time()


def test_a_wish_lapses_after_its_day(cast: Cast, full: Any) -> None:
    entry = wait(cast.ada.patient, until=date(2027, 1, 8))
    sweep(at(0, days=-2))
    entry.refresh_from_db()
    assert entry.status == "waiting"
    sweep(at(0, days=-1))
    entry.refresh_from_db()
    assert entry.status == "lapsed"
    cancel(full[0])
    assert sweep() == []


def test_a_time_that_cannot_be_answered_any_more_is_not_offered(cast: Cast, full: Any, settings: Any) -> None:
    settings.BOOKING_NOTICE = timedelta(hours=1)
    wait(cast.ada.patient)
    cancel(full[1])
    assert sweep(at(8, 16)) == []
    assert sweep(at(8, 15)) == [(cast.ada.patient, "09:30")]
    assert SlotOffer.objects.get().expires_at == at(8, 30)


def test_who_waits_already_changes_their_wish_and_keeps_their_turn(cast: Cast, full: Any) -> None:
    first = wait(cast.ada.patient, turn=1)
    wait(cast.ben.patient, turn=2)
    again = wait(cast.ada.patient, cast.ada.clinician, turn=3)
    assert first == again and WaitingListEntry.objects.filter(patient=cast.ada.patient).count() == 1
    cancel(full[0])
    assert sweep() == [(cast.ada.patient, "09:00")]


def test_an_account_that_is_switched_off_keeps_nobody_waiting(cast: Cast, full: Any) -> None:
    wait(cast.ada.patient, turn=1)
    wait(cast.ben.patient, turn=2)
    type(cast.ada.patient.user).objects.filter(pk=cast.ada.patient.user_id).update(is_active=False)
    cancel(full[0])
    assert sweep() == [(cast.ben.patient, "09:00")]


def test_hours_that_the_clinician_took_back_are_not_booked_by_an_old_offer(cast: Cast, full: Any) -> None:
    wait(cast.ada.patient)
    cancel(full[0])
    sweep()
    Availability.objects.all().delete()
    with pytest.raises(OfferOver):
        accept(cast.ada.patient)
    assert SlotOffer.objects.get().status == "passed" and not Consultation.objects.filter(reason="A cough").exists()


def test_who_has_too_many_planned_is_told_and_the_offer_stays(cast: Cast, full: Any, settings: Any) -> None:
    wait(cast.ada.patient)
    cancel(full[0])
    sweep()
    settings.BOOKING_MOST_AHEAD = 0
    with pytest.raises(TooManyPlanned):
        accept(cast.ada.patient)
    assert SlotOffer.objects.get().status == "open"


def test_whoever_listens_hears_of_an_offer_after_the_commit(
    cast: Cast, full: Any, django_capture_on_commit_callbacks: Any
) -> None:
    heard = list[Any]()
    signals.offered.connect(lambda offer, **_: heard.append(offer), weak=False, dispatch_uid="test")
    wait(cast.ada.patient)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            cancel(full[0])
            sweep()
            assert heard == []
        assert heard == [SlotOffer.objects.get()]
    finally:
        signals.offered.disconnect(dispatch_uid="test")


@pytest.mark.django_db(transaction=True)
def test_several_sweeps_at_once_make_one_offer(cast: Cast, full: Any) -> None:
    for turn, patient in enumerate([cast.ada.patient, cast.ben.patient]):
        wait(patient, turn=turn)
    cancel(full[0])
    start = threading.Barrier(4)

    def work() -> None:
        start.wait(30)
        waiting_list.sweep(now=LONG_BEFORE)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert SlotOffer.objects.get(status="open").starts_at == at(9)


def test_cancelling_rings_and_the_first_who_waits_is_offered_the_time(
    cast: Cast, work_at_once: None, django_capture_on_commit_callbacks: Any
) -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    starts_at = timezone.localtime(now, ZoneInfo("Europe/London")).replace(hour=12, minute=0) + timedelta(days=2)
    taken = booking.book(
        cast.ben.patient, cast.ada.clinician, starts_at=starts_at, ends_at=starts_at + 15 * MINUTE, reason="x", now=now
    )
    with django_capture_on_commit_callbacks(execute=True):
        make_hours(
            cast.ada.clinician, starts=_time(12), ends=(at(12) + 15 * MINUTE).time(),
            weekday=str(starts_at.isoweekday()), valid_from=starts_at.date(), valid_until=starts_at.date(),
        )  # fmt: skip
        waiting_list.join(cast.ada.patient, clinician=None, until=starts_at.date(), wishes=WISHES, now=now)
    assert not SlotOffer.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        booking.cancel(taken, by=None, actor=PORTAL, now=now)
    assert SlotOffer.objects.get().starts_at == starts_at


def test_new_hours_ring(cast: Cast, work_at_once: None, django_capture_on_commit_callbacks: Any) -> None:
    until = timezone.localdate() + timedelta(days=14)
    waiting_list.join(cast.ada.patient, clinician=None, until=until, wishes=WISHES, now=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        make_hours(cast.ada.clinician)
    assert SlotOffer.objects.get().clinician == cast.ada.clinician
