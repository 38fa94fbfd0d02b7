"""Reception on the phone: finds who calls, moves, cancels, books and sends word, and never reads why somebody comes."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.ledger import PORTAL, Actor
from audit.models import Action, Entry
from consultations import booking, booking_pages, clinic_messages, desk
from consultations.booking_pages import said
from consultations.models import ClinicMessage, Consultation, ConsultationChange, FollowUp
from consultations.slots import Slot
from notices.models import Kind, Notice
from tests.bookings import make_hours
from tests.cast import FIFTEEN, Cast, make_user
from tests.lines import session_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]
DESK, WHY = "/admin/consultations/consultation/desk/", "Something private"


@pytest.fixture
def clerk(cast: Cast) -> Client:
    User.objects.update(time_zone="UTC")
    return session_of(cast.staff)


def text_of(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def planned(cast: Cast, **facts: Any) -> Consultation:
    starts_at = timezone.now().replace(second=0, microsecond=0) + timedelta(days=2)
    facts = {"starts_at": starts_at, "ends_at": starts_at + FIFTEEN, "reason": WHY, "adjustments": "Slowly"} | facts
    return booking.book(cast.ada.patient, cast.ada.clinician, **facts, now=timezone.now())


def act(name: str, of: Consultation) -> str:
    return reverse(f"admin:consultation_{name}", args=[of.pk])


def some_days(clinician: Any) -> list[str]:
    """Give somebody hours on every day of the week; return addresses of their free times from tomorrow on."""
    for weekday in "1234567":
        make_hours(clinician, weekday=weekday, time_zone="UTC")
    day = timezone.now().replace(hour=9, minute=0, second=0, microsecond=0)
    starts = [day + timedelta(days=days, minutes=minutes) for days in (3, 4) for minutes in (0, 15)]
    return [f"with={clinician.pk}&at={said(one)}" for one in starts]


@pytest.mark.parametrize("term", ["ada", "lovell ADA", "29.02.1980", "999 000 0018"])
def test_whoever_calls_is_found_with_what_is_next_for_them(cast: Cast, clerk: Client, term: str) -> None:
    type(cast.ada.patient).objects.filter(pk=cast.ada.patient.pk).update(nhs_number="9990000018")
    type(cast.ben.patient).objects.filter(pk=cast.ben.patient.pk).update(date_of_birth="1950-01-01")
    text = text_of(clerk.get(DESK, {"q": term}))
    assert "1 patient<" in text and "Ada Lovell" in text and "born 29 February 1980" in text
    assert f"with {cast.ada.clinician.display_name}" in text and "Ben" not in text and "Review" not in text
    assert text_of(clerk.get(DESK, {"q": "Nobody Here"})).count("Nobody is found") == 1
    assert "Ada" not in text_of(clerk.get(DESK)), "nobody is listed who was not asked for"
    assert f'action="{DESK}"' in text_of(clerk.get("/admin/"))


def test_a_patients_page_says_what_is_planned_and_stands_in_the_ledger(cast: Cast, clerk: Client) -> None:
    soon = planned(cast)
    text = text_of(clerk.get(f"{DESK}{cast.ada.patient.pk}/"))
    for name in ("move", "cancel", "message"):
        assert act(name, soon) in text
    assert WHY not in text and "First visit" not in text and cast.ada.clinician.display_name in text
    entry = Entry.objects.latest("seq")
    assert (entry.action, entry.object_type, entry.patient, entry.reason) == (
        Action.OPENED, "patient", cast.ada.patient.pk, "desk",
    )  # fmt: skip


def test_a_consultation_moves_to_a_free_time_of_the_same_clinician_with_few_clicks(cast: Cast, clerk: Client) -> None:
    soon, times = planned(cast), some_days(cast.ada.clinician)
    page = text_of(clerk.get(act("move", soon)))
    assert times[0].replace("&", "&amp;") in page and WHY not in page
    confirm = f"{act('move', soon)}?{times[0]}"
    assert "New time" in text_of(clerk.get(confirm)) and "Another clinician" not in text_of(clerk.get(confirm))
    assert "This field is required." in text_of(clerk.post(confirm, {"why": ""}))
    Notice.objects.all().delete()
    answer = clerk.post(confirm, {"why": "Asked by phone."})
    assert answer["Location"] == f"{DESK}{cast.ada.patient.pk}/"
    soon.refresh_from_db()
    change = ConsultationChange.objects.get()
    assert times[0].endswith(said(soon.starts_at)) and (change.by, change.why) == (cast.staff, "Asked by phone.")
    assert Notice.objects.filter(kind=Kind.MOVED).count() == 2
    entry = Entry.objects.get(action=Action.CHANGED)
    assert (entry.object_id, entry.patient, entry.reason) == (soon.pk, cast.ada.patient.pk, "moved")
    clerk.post(confirm, {"why": "Asked by phone."})
    assert ConsultationChange.objects.count() == 1, "a second press changes nothing"


def test_another_clinician_takes_it_over_with_all_that_the_patient_said(cast: Cast, clerk: Client) -> None:
    soon, times = planned(cast), some_days(cast.ben.clinician)
    FollowUp.objects.create(consultation=cast.ada.held, next=soon, patient=cast.ada.patient)
    assert cast.ben.clinician.display_name in text_of(clerk.get(act("move", soon)))
    there = text_of(clerk.get(f"{act('move', soon)}?with={cast.ben.clinician.pk}"))
    assert times[0].replace("&", "&amp;") in there
    confirm = f"{act('move', soon)}?{times[0]}"
    assert "Another clinician" in text_of(clerk.get(confirm))
    Notice.objects.all().delete()
    for _ in range(2):
        clerk.post(confirm, {"why": "Dr Osei is ill."})
    soon.refresh_from_db()
    made = Consultation.objects.get(clinician=cast.ben.clinician, patient=cast.ada.patient)
    assert (soon.status, made.reason, made.adjustments, made.status) == ("cancelled", WHY, "Slowly", "planned")
    assert [one.next for one in cast.ada.held.follow_ups.all()] == [soon, made]
    told = set(Notice.objects.values_list("user", "kind"))
    patient, old, new = cast.ada.patient.user_id, cast.ada.clinician.user_id, cast.ben.clinician.user_id
    assert told == {(patient, "booked"), (patient, "cancelled"), (old, "cancelled"), (new, "taken")}
    granted = Entry.objects.get(action=Action.GRANTED, object_id=made.pk)
    assert (granted.actor, granted.patient) == (cast.staff.pk, cast.ada.patient.pk)
    assert Entry.objects.get(action=Action.CHANGED).detail == {"next": str(made.pk)}


def test_another_clinician_can_hold_it_at_the_very_time_it_was_planned_for(cast: Cast, clerk: Client) -> None:
    times = some_days(cast.ben.clinician)
    starts_at = booking_pages.moment(times[0][-17:])
    assert starts_at is not None
    soon = planned(cast, starts_at=starts_at, ends_at=starts_at + FIFTEEN)
    page = f"{act('move', soon)}?"
    assert times[0].replace("&", "&amp;") in text_of(clerk.get(f"{page}with={cast.ben.clinician.pk}"))
    clerk.post(f"{page}{times[0]}", {"why": "Dr Osei is ill."})
    made = Consultation.objects.get(clinician=cast.ben.clinician, patient=cast.ada.patient)
    assert made.starts_at == starts_at
    assert times[0].replace("&", "&amp;") not in text_of(clerk.get(f"{act('move', cast.ada.planned)}?{times[0][:41]}"))


def test_who_is_too_late_to_hand_over_books_nothing(cast: Cast) -> None:
    soon = planned(cast)
    booking.cancel(soon, by=None, actor=PORTAL, now=timezone.now())
    later = soon.starts_at + timedelta(hours=1)
    facts = {"by": cast.staff, "why": "x", "actor": Actor(cast.staff.pk), "now": timezone.now()}
    with pytest.raises(booking.NotChangeable):
        booking.hand_over(
            soon, to=cast.ben.clinician, slot=Slot(later, later + FIFTEEN, cast.ben.clinician.pk), **facts
        )
    assert not Consultation.objects.filter(clinician=cast.ben.clinician, patient=cast.ada.patient).exists()


def test_a_new_consultation_is_booked_on_the_phone_and_staff_never_read_why_again(cast: Cast, clerk: Client) -> None:
    times = some_days(cast.ben.clinician)
    book = f"{DESK}{cast.ada.patient.pk}/book/"
    assert cast.ben.clinician.display_name in text_of(clerk.get(book))
    assert "This field is required." in text_of(clerk.post(f"{book}?{times[1]}", {}))
    for _ in range(2):
        answer = clerk.post(f"{book}?{times[1]}", {"reason": WHY, "preferred_mode": "video", "adjustments": "Slowly"})
    made = Consultation.objects.get(clinician=cast.ben.clinician, patient=cast.ada.patient)
    assert (made.reason, made.preferred_mode, made.adjustments) == (WHY, "video", "Slowly")
    assert "gone" in answer["Location"]
    desk = text_of(clerk.get(f"{DESK}{cast.ada.patient.pk}/"))
    assert act("move", made) in desk and WHY not in desk
    assert Notice.objects.filter(kind=Kind.BOOKED, object_id=made.pk).exists()
    assert Entry.objects.get(action=Action.GRANTED, object_id=made.pk).actor == cast.staff.pk
    for wrong in ("with=x&at=y", f"with={cast.ada.clinician.pk}&at=2027-01-11T09:00Z", times[1]):
        assert clerk.get(f"{book}?{wrong}")["Location"].endswith("&gone="), wrong


def test_reception_books_at_once_outside_of_hours_and_as_much_as_is_needed(
    cast: Cast, clerk: Client, settings: Any
) -> None:
    settings.BOOKING_MOST_AHEAD, settings.BOOKING_NOTICE = 0, timedelta(days=10)
    times, doctor = some_days(cast.ben.clinician), cast.ben.clinician
    book, said = f"{DESK}{cast.ada.patient.pk}/book/", {"reason": WHY, "preferred_mode": "audio"}
    assert "Choose a clinician to book" in text_of(clerk.get(book))
    clerk.post(f"{book}?{times[0]}", said)
    there = f"{book}?with={doctor.pk}"
    assert "also outside of their hours" in text_of(clerk.get(there))
    assert times[1].replace("&", "&amp;") in text_of(clerk.get(there)), "the notice is that of patients"
    at_night = (timezone.now() + timedelta(days=90)).replace(hour=2, minute=0, second=0, microsecond=0)
    for _ in range(2):
        pressed = clerk.post(there, said | {"starts_at": f"{at_night:%Y-%m-%dT%H:%M}", "minutes": 40})
        assert pressed.status_code == 302, "pressed twice, it is there already"
    made = Consultation.objects.filter(clinician=doctor, patient=cast.ada.patient).order_by("starts_at")
    assert [one.starts_at for one in made] == [booking_pages.moment(times[0][-17:]), at_night]
    assert made[1].ends_at == at_night + timedelta(minutes=40)
    granted = Entry.objects.filter(action=Action.GRANTED, object_type="consultation", actor=cast.staff.pk)
    assert {line.object_id for line in granted} == {one.pk for one in made}
    for over, why in (
        ({"starts_at": f"{at_night + FIFTEEN:%Y-%m-%dT%H:%M}", "minutes": 15}, "another consultation at that time"),
        ({"starts_at": "2020-01-01T10:00", "minutes": 15}, "This time is over."),
        ({"starts_at": f"{at_night:%Y-%m-%dT%H:%M}", "minutes": 0}, "greater than or equal to 5"),
    ):
        answer = text_of(clerk.post(there, said | over))
        assert why in answer and WHY in answer, "what was typed is not lost"
    assert made.count() == 2


def test_reception_sends_word_to_who_is_expected_and_reads_no_clinicians_words(cast: Cast, clerk: Client) -> None:
    ada, doctor = cast.ada, cast.ada.clinician.user
    clinic_messages.send(ada.planned, "Bring your urine sample", by=doctor, now=timezone.now())
    Notice.objects.all().delete()
    page = act("message", ada.planned)
    text = text_of(clerk.get(page))
    assert "Their clinician wrote to them." in text and "urine" not in text and "not read yet" in text
    assert "not there yet" in text and "Review" not in text
    assert "Write a few words." in text_of(clerk.post(page, {"text": " "})) and ClinicMessage.objects.count() == 1
    assert clerk.post(page, {"text": "Ten minutes late."})["Location"] == f"{DESK}{ada.patient.pk}/"
    sent = ClinicMessage.objects.latest("sent_at")
    assert (sent.text, sent.by, sent.patient) == ("Ten minutes late.", cast.staff, ada.patient)
    assert "Ten minutes late." in text_of(clerk.get(page))
    lines = Entry.objects.filter(object_id=ada.planned.pk).order_by("-seq").values_list("action", "reason")
    assert list(lines)[:2] == [("opened", "message"), ("changed", "told")]
    assert Notice.objects.get().user == ada.patient.user
    booking.cancel(ada.planned, by=None, actor=PORTAL, now=timezone.now())
    clerk.post(page, {"text": "Never mind"})
    assert ClinicMessage.objects.count() == 2 and act("message", ada.planned) not in text_of(clerk.get("/admin/"))


def test_today_says_who_is_expected_next_and_how_late_it_runs(cast: Cast, clerk: Client) -> None:
    starts_at = timezone.now() - timedelta(minutes=12)
    Consultation.objects.filter(pk=cast.ada.planned.pk).update(starts_at=starts_at)
    text = text_of(clerk.get("/admin/now/"))
    assert "Expected next" in text and act("message", cast.ada.planned) in text
    places = cast.ada.planned.participants.filter(role="patient")
    places.update(sid="s", waiting_at=timezone.now(), connected_at=timezone.now())
    text = text_of(clerk.get("/admin/now/"))
    assert f"e-{cast.ada.planned.pk}" not in text and f"w-{cast.ada.planned.pk}" in text
    assert "About 10 min late" in text and act("message", cast.ada.planned) in text


def test_nobody_without_the_right_gets_any_of_it(cast: Cast) -> None:
    helper = session_of(make_user("New Helper", is_staff=True))
    people = [cast.ada.patient.user, cast.ada.clinician.user]
    pages = [DESK, f"{DESK}{cast.ada.patient.pk}/", f"{DESK}{cast.ada.patient.pk}/book/"]
    pages += [act(name, cast.ada.planned) for name in ("move", "cancel", "message")]
    before = Entry.objects.count()
    for client in (helper, *map(session_of, people), Client()):
        for page in pages:
            for answer in (client.get(page), client.post(page, {"text": "x", "why": "x", "reason": "x"})):
                assert answer.status_code == 302 and "desk" not in answer["Location"].split("?")[0]
    assert not ClinicMessage.objects.exists() and not ConsultationChange.objects.exists()
    assert Entry.objects.count() == before


def test_what_a_patient_has_read_is_said_to_who_sent_it_and_new_words_stand_out(cast: Cast, clerk: Client) -> None:
    planned, patient = cast.ada.planned, session_of(cast.ada.patient.user)
    assert "The clinic has sent you no message." in text_of(patient.get("/"))
    clerk.post(act("message", planned), {"text": "First words"})
    home = text_of(patient.get("/"))
    assert "New from the clinic" in home and "I have read this" in home and "no message" not in home
    upto = ClinicMessage.objects.get().pk
    clerk.post(act("message", planned), {"text": "Second words"})
    read = reverse("consultations:message-read", args=[planned.pk])
    for stranger in (cast.ben.patient.user, cast.ada.clinician.user, cast.staff):
        assert session_of(stranger).post(read, {"upto": upto}).status_code == 404
    assert patient.post(read, {"upto": "x"}).status_code == 302
    assert not ClinicMessage.objects.exclude(receipt=None).exists()
    for _ in range(2):
        part = text_of(patient.post(read, {"upto": upto}, headers={"HX-Request": "true"}))
    assert "you read it at" in part and "I have read this" in part, "what came since is new still"
    assert [one.text for one in ClinicMessage.objects.unread()] == ["Second words"]
    page = text_of(clerk.get(act("message", planned)))
    assert page.count("read at") == 1 and page.count("not read yet") == 1
    foreign = clinic_messages.send(cast.ben.planned, "Theirs", by=cast.staff, now=timezone.now())
    patient.post(read, {"upto": foreign.pk})
    assert ClinicMessage.objects.unread().count() == 2
    today = text_of(session_of(cast.ada.clinician.user).get(reverse("clinic:today")))
    assert "The clinic wrote at" in today and "not read yet" in today


def test_what_goes_on_past_its_end_stands_with_what_is_planned(cast: Cast) -> None:
    before = cast.now - timedelta(hours=2)
    Consultation.objects.filter(pk=cast.ada.planned.pk).update(
        status="in_progress", starts_at=before, ends_at=before + timedelta(minutes=15)
    )
    rows = desk.planned_for(cast.ada.patient, now=cast.now)
    assert [(row["consultation"].pk, row["can_change"]) for row in rows] == [(cast.ada.planned.pk, False)]
    assert cast.ada.planned not in desk.past_of(cast.ada.patient, now=cast.now)
