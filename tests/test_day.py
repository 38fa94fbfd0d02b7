"""The clinician's day: who waits, who is late, words to the patient, and who did not come."""

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from consultations import attendance, calls, clinic_messages, presence, signals
from consultations.booking import NotBookable, NotChangeable, book
from consultations.lateness import Planned, delays, minutes_late
from consultations.models import Call, ClinicMessage, Consultation, ConsultationChange, Participant
from tests.cast import FIFTEEN, Cast, World
from tests.owed import plan

pytestmark = [pytest.mark.database, pytest.mark.django_db]
MINUTE = timedelta(minutes=1)
NINE = datetime(2027, 1, 11, 9, tzinfo=UTC)
Status = Consultation.Status


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def doctor(cast: Cast) -> Client:
    return signed_in(cast.ada.clinician.user)


@pytest.fixture
def patient(cast: Cast) -> Client:
    return signed_in(cast.ada.patient.user)


def begun(world: World, minutes_ago: int) -> Consultation:
    """Let the planned consultation have begun some time ago, by plan."""
    starts_at = timezone.now() - minutes_ago * MINUTE
    Consultation.objects.filter(pk=world.planned.pk).update(starts_at=starts_at, ends_at=starts_at + FIFTEEN)
    world.planned.refresh_from_db()
    return world.planned


def waits(consultation: Consultation, *, mic: str = "on") -> Participant:
    """Let the patient be in the waiting room."""
    now = timezone.now()
    call = calls.open_call(consultation, now=now)
    place = Participant.objects.get(consultation=consultation, role=Participant.Role.PATIENT)
    presence.join(call, place, tab="tab", channel="test.here", resume_sid="", takeover=False, now=now)
    presence.ready(call.pk, by=place, mic=mic, now=now)
    return place


def url(name: str, consultation: Consultation) -> str:
    return reverse(f"consultations:{name}", args=[consultation.pk])


def today(client: Client) -> str:
    return client.get(reverse("clinic:today")).content.decode()


def heard(client: Client, consultation: Consultation) -> str:
    return client.get(url("wait", consultation)).content.decode()


# How late a day runs.


def planned(minute: int, **facts: bool) -> Planned:
    return Planned(uuid.uuid4(), NINE + minute * MINUTE, NINE + (minute + 15) * MINUTE, **facts)


def late(now: int, *day: Planned) -> list[int]:
    """Return by how many minutes each of these is late, some minutes past nine."""
    found = delays(day, now=NINE + now * MINUTE)
    return [int(found.get(one.id, timedelta()) / MINUTE) for one in day]


def test_nobody_is_late_who_has_not_begun() -> None:
    assert late(-30, planned(0), planned(15)) == [0, 0]


def test_a_consultation_that_takes_its_planned_time_holds_nobody_up() -> None:
    assert late(10, planned(0, is_going_on=True), planned(15), planned(30)) == [0, 0, 0]


def test_one_that_began_late_moves_all_that_follow_and_a_gap_takes_it_up_again() -> None:
    day = (planned(0, is_going_on=True), planned(15, is_here=True), planned(30), planned(60))
    assert late(25, *day) == [0, 10, 10, 0]


def test_a_patient_who_waits_past_their_start_is_told_and_one_who_has_not_come_holds_nobody_up() -> None:
    assert late(11, planned(0, is_here=True), planned(15)) == [10, 10]
    assert late(11, planned(0), planned(15)) == [0, 0]


def test_who_has_not_come_is_told_too_while_another_consultation_goes_on() -> None:
    assert late(10, planned(-10, is_going_on=True), planned(0), planned(15)) == [0, 10, 0]


def test_what_is_over_or_cancelled_makes_nobody_late(cast: Cast) -> None:
    begun(cast.ada, 20)
    waits(cast.ada.planned)
    clinician, now = cast.ada.clinician.pk, timezone.now()
    assert minutes_late([clinician], now=now) == {cast.ada.planned.pk: 20}
    Consultation.objects.filter(pk=cast.ada.planned.pk).update(status=Status.CANCELLED)
    assert minutes_late([clinician, cast.ben.clinician.pk], now=now) == {}


# Today.


def test_today_says_who_waits_since_when_checked_and_how_late(cast: Cast, doctor: Client) -> None:
    begun(cast.ada, 6)
    page = today(doctor)
    assert "Admit" not in page and "Send a message" in page
    place = waits(cast.ada.planned)
    page = today(doctor)
    since = timezone.localtime(place.waiting_at or timezone.now()).strftime("%H:%M")
    assert f"In the waiting room since {since}, microphone checked" in " ".join(page.split())
    assert "About 5 min late" in page and "Admit" in page
    assert cast.ben.patient.name not in page


def test_admitting_from_today_begins_the_call_and_leads_to_it(cast: Cast, doctor: Client) -> None:
    nobody_there = doctor.post(url("admit", cast.ada.planned))
    assert nobody_there["Location"].startswith("/clinic/#") and Call.objects.filter(status="live").count() == 0
    place = waits(cast.ada.planned)
    assert doctor.post(url("admit", cast.ada.planned))["Location"] == url("call", cast.ada.planned)
    place.refresh_from_db()
    assert place.admitted_at and Consultation.objects.get(pk=cast.ada.planned.pk).status == Status.IN_PROGRESS


def test_nobody_but_its_clinician_does_any_of_this(cast: Cast) -> None:
    begun(cast.ada, 20)
    strangers = (cast.ada.patient, cast.ada.colleague, cast.ben.clinician, cast.ben.patient)
    for user in [person.user for person in strangers] + [cast.staff]:
        client = signed_in(user)
        for name in ("message", "admit", "missed", "expected"):
            assert client.post(url(name, cast.ada.planned), {"text": "Hello"}).status_code == 404, (user, name)
    assert not ClinicMessage.objects.exists() and not ConsultationChange.objects.exists()
    assert Consultation.objects.get(pk=cast.ada.planned.pk).status == Status.PLANNED


# Words to who waits.


def test_a_message_stands_in_the_waiting_room_and_on_the_patients_home_at_once(
    cast: Cast, doctor: Client, patient: Client, django_capture_on_commit_callbacks: object
) -> None:
    heard_of: list[ClinicMessage] = []

    def listen(message: ClinicMessage, **_: object) -> None:
        heard_of.append(message)

    signals.told.connect(listen)
    words = "I am with somebody else for <b>ten</b> minutes."
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        doctor.post(url("message", cast.ada.planned), {"text": words})
    signals.told.disconnect(listen)
    escaped = words.replace("<", "&lt;").replace(">", "&gt;")
    for page in ("wait", "detail", "call"):
        assert escaped in patient.get(url(page, cast.ada.planned)).content.decode()
    assert escaped in patient.get("/").content.decode()
    assert [message.text for message in heard_of] == [words]
    assert "You wrote at" in today(doctor) and escaped in today(doctor)


def test_a_message_about_a_later_consultation_is_seen_on_the_patients_home(cast: Cast, patient: Client) -> None:
    later = plan(cast.ada, starts_at=cast.now + timedelta(days=3), booked_at=cast.now)
    assert "A new message from the clinic" not in patient.get("/").content.decode()
    message = clinic_messages.send(later, "Bring your inhaler", by=cast.ada.clinician.user, now=timezone.now())
    assert "A new message from the clinic" in patient.get("/").content.decode()
    assert (
        "A new message from the clinic"
        not in signed_in(cast.ada.clinician.user).get("/consultations/").content.decode()
    )
    clinic_messages.mark_read(later, upto=message.pk, now=timezone.now())
    assert "A new message from the clinic" not in patient.get("/").content.decode()


def test_a_message_that_was_sent_by_pressing_twice_is_one_message(cast: Cast) -> None:
    say = partial(clinic_messages.send, cast.ada.planned, by=cast.ada.clinician.user)
    first, again = say("Five minutes", now=cast.now), say("Five minutes", now=cast.now + timedelta(seconds=2))
    assert first == again
    later = say("Five minutes", now=cast.now + timedelta(minutes=2))
    assert len({first.pk, later.pk, say("Ten minutes", now=cast.now).pk}) == 3


def test_only_its_patient_reads_a_message_and_nobody_after_the_consultation(cast: Cast, patient: Client) -> None:
    clinic_messages.send(cast.ada.planned, "Late", by=cast.ada.clinician.user, now=timezone.now())
    assert "Late" in heard(patient, cast.ada.planned)
    for world, name in ((cast.ben, "patient"), (cast.ben, "clinician"), (cast.ada, "colleague")):
        client = signed_in(getattr(world, name).user)
        assert client.get(url("wait", cast.ada.planned)).status_code == 404
        assert "Late" not in client.get("/", follow=True).content.decode()
    Consultation.objects.filter(pk=cast.ada.planned.pk).update(status=Status.CANCELLED)
    assert "Late" not in heard(patient, cast.ada.planned)


def test_a_message_needs_words_and_somebody_who_is_expected(cast: Cast, doctor: Client) -> None:
    assert "Write a few words." in doctor.post(url("message", cast.ada.planned), {"text": "  "}).content.decode()
    assert doctor.post(url("message", cast.ada.held), {"text": "Hello"})["Location"].startswith("/clinic/#")
    with pytest.raises(NotChangeable):
        clinic_messages.send(cast.ada.held, "Hello", by=cast.ada.clinician.user, now=timezone.now())
    assert not ClinicMessage.objects.exists()


def test_the_patient_is_told_how_late_it_is(cast: Cast, patient: Client) -> None:
    begun(cast.ada, 10)
    assert "running about" not in heard(patient, cast.ada.planned)
    waits(cast.ada.planned)
    for page in (heard(patient, cast.ada.planned), patient.get("/").content.decode()):
        assert "Your clinician is running about 10 minutes late." in page


# Who did not come.


def test_not_coming_is_said_after_a_while_and_taken_back(cast: Cast, doctor: Client, patient: Client) -> None:
    visit = begun(cast.ada, 9)
    assert "Did not come" not in today(doctor)
    doctor.post(url("missed", visit))
    assert Consultation.objects.get(pk=visit.pk).status == Status.PLANNED
    begun(cast.ada, 11)
    assert "Did not come" in today(doctor)
    for _ in range(2):
        doctor.post(url("missed", visit))
    page = today(doctor)
    assert "They came after all" in page and "Open the call" not in page
    assert "the patient did not come" in patient.get(url("detail", visit)).content.decode()
    for _ in range(2):
        doctor.post(url("expected", visit))
    assert Consultation.objects.get(pk=visit.pk).status == Status.PLANNED and "Open the call" in today(doctor)
    changes = ConsultationChange.objects.filter(consultation=visit)
    assert [(change.what, change.by) for change in changes] == [
        ("missed", cast.ada.clinician.user),
        ("expected", cast.ada.clinician.user),
    ]


def test_who_is_in_the_waiting_room_did_come(cast: Cast) -> None:
    visit = begun(cast.ada, 20)
    place = waits(visit)
    with pytest.raises(NotChangeable, match="waiting room"):
        attendance.mark_missed(visit, by=cast.ada.clinician.user, now=timezone.now())
    presence.drop(place, sid=Participant.objects.get(pk=place.pk).sid, channel="test.here", now=timezone.now())
    attendance.mark_missed(visit, by=cast.ada.clinician.user, now=timezone.now())
    assert Consultation.objects.get(pk=visit.pk).status == Status.NO_SHOW


def test_it_is_not_taken_back_when_the_time_is_over_or_taken(cast: Cast) -> None:
    visit, doctor = begun(cast.ada, 20), cast.ada.clinician.user
    attendance.mark_missed(visit, by=doctor, now=timezone.now())
    with pytest.raises(NotChangeable):
        attendance.expect_again(visit, by=doctor, now=visit.ends_at + timedelta(hours=2))
    book(
        cast.ben.patient, cast.ada.clinician, starts_at=visit.starts_at, ends_at=visit.ends_at, reason="Instead",
        now=timezone.now(),
    )  # fmt: skip
    with pytest.raises(NotBookable):
        attendance.expect_again(visit, by=doctor, now=timezone.now())
    assert Consultation.objects.get(pk=visit.pk).status == Status.NO_SHOW


def test_the_database_takes_no_such_word_before_the_start(cast: Cast) -> None:
    facts = {"consultation": cast.ada.planned, "patient": cast.ada.patient, "what": "missed"}
    starts_at = cast.ada.planned.starts_at
    with pytest.raises(IntegrityError, match="missed_after_it_began"), transaction.atomic():
        ConsultationChange.objects.create(**facts, was=starts_at, at=starts_at - MINUTE)
