"""The pages on which patients book, move and cancel: plain links and forms, in the person's zone."""

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from consultations import booking_pages
from consultations.models import Consultation, ConsultationChange
from consultations.schedule import Availability
from patients.models import Patient
from tests.bookings import make_hours
from tests.cast import Cast, make_user
from tests.lines import session_of

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
FORM = {"reason": "A cough", "preferred_mode": "video", "adjustments": "An interpreter"}
SLOT = re.compile(r'href="([^"]*at=[^"]+)"')


@pytest.fixture
def hours(cast: Cast) -> list[Availability]:
    """Ada's clinician works around the clock, so that there is always something free."""
    days = Availability.Weekday.values
    return [make_hours(cast.ada.clinician, ends=_time("23:00"), weekday=day, slot_minutes=60) for day in days]


def _time(text: str) -> Any:
    return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007


def slots_on(page: Any) -> list[str]:
    return [link.replace("&amp;", "&") for link in SLOT.findall(page.content.decode())]


def at_of(link: str) -> datetime:
    found = booking_pages.moment(parse_qs(urlsplit(link).query)["at"][0])
    assert found is not None
    return found


def book_first(ada: Client) -> Consultation:
    """Press the first free time of tomorrow or later, and confirm."""
    later = [link for link in slots_on(ada.get("/book/")) if at_of(link) > timezone.now() + timedelta(hours=26)]
    done = ada.post(later[0], FORM)
    assert done.status_code == 302
    return Consultation.objects.get(pk=done["Location"].split("/")[-2])


def test_a_patient_books_with_links_and_one_form(cast: Cast, hours: Any) -> None:
    ada = session_of(cast.ada.patient.user)
    link = slots_on(ada.get("/book/"))[0]
    assert "Book this consultation" in ada.get(link).content.decode()
    consultation = book_first(ada)
    assert (consultation.reason, consultation.preferred_mode) == ("A cough", "video")
    done = ada.get(reverse("booking:done", args=[consultation.pk])).content.decode()
    assert "Your consultation is booked" in done and cast.ada.clinician.display_name in done
    detail = ada.get(reverse("consultations:detail", args=[consultation.pk])).content.decode()
    assert "An interpreter" in detail and "You would like to use video." in detail


def test_going_back_after_booking_says_that_it_is_booked(cast: Cast, hours: Any) -> None:
    ada = session_of(cast.ada.patient.user)
    link = slots_on(ada.get("/book/"))[0]
    done = [answer["Location"] for answer in (ada.post(link, FORM), ada.get(link), ada.post(link, FORM))]
    assert len(set(done)) == 1 and done[0].startswith("/book/done/")
    assert Consultation.objects.filter(reason="A cough").count() == 1


def test_a_form_without_a_reason_says_so_and_keeps_what_was_typed(cast: Cast, hours: Any) -> None:
    ada = session_of(cast.ada.patient.user)
    link = slots_on(ada.get("/book/"))[0]
    page = ada.post(link, FORM | {"reason": ""}).content.decode()
    assert "<title>Error:" in page and "Say in a few words what it is about." in page and "An interpreter" in page
    assert not Consultation.objects.filter(adjustments="An interpreter").exists()


def test_whoever_comes_second_is_told_and_offered_the_next(cast: Cast, hours: Any) -> None:
    Availability.objects.update(for_new_patients=True)
    ada, ben = session_of(cast.ada.patient.user), session_of(cast.ben.patient.user)
    link = slots_on(ada.get("/book/"))[2]
    assert ben.post(link, FORM).status_code == 302
    answer = ada.post(link, FORM, follow=True)
    assert "This time has just been taken." in answer.content.decode()
    assert len(slots_on(answer)) > 5 and at_of(link) not in map(at_of, slots_on(answer))
    assert Consultation.objects.filter(reason="A cough").get().patient == cast.ben.patient


def test_an_address_of_a_stranger_looks_like_a_time_that_is_gone(cast: Cast, hours: Any) -> None:
    ada, ben = session_of(cast.ada.patient.user), session_of(cast.ben.patient.user)
    link = slots_on(ada.get("/book/"))[0]
    for answer in (ben.get(link), ben.post(link, FORM)):
        assert answer.status_code == 302 and answer["Location"].startswith("/book/?")
    assert cast.ada.clinician.display_name not in ben.get(link, follow=True).content.decode()
    assert not Consultation.objects.filter(reason="A cough").exists()


def test_whoever_is_free_first_are_those_open_to_new_patients(cast: Cast, hours: Any) -> None:
    ben = session_of(cast.ben.patient.user)
    page = ben.get("/book/?with=first")
    assert slots_on(page) == [] and "Nothing is free at the moment" in page.content.decode()
    Availability.objects.filter(clinician=cast.ada.clinician).update(for_new_patients=True)
    page = ben.get("/book/?with=first")
    assert slots_on(page) and cast.ada.clinician.display_name in page.content.decode()
    assert "with=first" in page.content.decode() and str(cast.ada.clinician.pk) not in {
        choice["key"] for choice in page.context["choices"]
    }


def test_at_one_time_who_cares_for_them_comes_first(cast: Cast, hours: Any) -> None:
    for day in Availability.Weekday.values:
        make_hours(cast.ben.clinician, ends=_time("23:00"), weekday=day, slot_minutes=60, for_new_patients=True)
    links = slots_on(session_of(cast.ada.patient.user).get("/book/?with=first"))
    assert len(links) == len(set(map(at_of, links)))
    assert {parse_qs(urlsplit(link).query)["with"][0] for link in links} == {str(cast.ada.clinician.pk)}


def test_times_are_shown_where_the_person_is(cast: Cast, hours: Any) -> None:
    User.objects.filter(pk=cast.ada.patient.user_id).update(time_zone="Asia/Kolkata")
    page = session_of(cast.ada.patient.user).get("/book/")
    shown = re.findall(r'<time datetime="[^"]+\+05:30">(\d\d:\d\d)</time>', page.content.decode())
    assert shown and "Times are those of Asia/Kolkata." in page.content.decode()
    assert all(time.endswith(":30") for time in shown)


def test_a_consultation_is_moved_in_two_steps(cast: Cast, hours: Any) -> None:
    ada = session_of(cast.ada.patient.user)
    consultation = book_first(ada)
    before = consultation.starts_at
    move = reverse("consultations:move", args=[consultation.pk])
    link = [link for link in slots_on(ada.get(move)) if at_of(link) > before][3]
    assert "Move it to this time" in ada.get(link).content.decode()
    for _ in range(2):
        assert ada.post(link)["Location"] == reverse("booking:done", args=[consultation.pk])
    consultation.refresh_from_db()
    assert consultation.starts_at == at_of(link)
    assert ConsultationChange.objects.get().was == before
    assert "Moved from" in ada.get(reverse("consultations:detail", args=[consultation.pk])).content.decode()


def test_moving_to_a_time_that_was_taken_meanwhile_leaves_it_where_it_is(cast: Cast, hours: Any) -> None:
    Availability.objects.update(for_new_patients=True)
    ada, ben = session_of(cast.ada.patient.user), session_of(cast.ben.patient.user)
    consultation = book_first(ada)
    link = slots_on(ada.get(reverse("consultations:move", args=[consultation.pk])))[-1]
    theirs = next(one for one in slots_on(ben.get("/book/?with=first")) if at_of(one) == at_of(link))
    ben.post(theirs, FORM)
    page = ada.post(link, follow=True).content.decode()
    assert "This time has just been taken." in page
    consultation.refresh_from_db()
    assert consultation.starts_at != at_of(link)


def test_a_consultation_is_cancelled_with_a_reason(cast: Cast, hours: Any) -> None:
    ada = session_of(cast.ada.patient.user)
    consultation = book_first(ada)
    cancel = reverse("consultations:cancel", args=[consultation.pk])
    assert "Cancel your consultation?" in ada.get(cancel).content.decode()
    assert not ConsultationChange.objects.exists()
    page = ada.post(cancel, {"why": "I am well again."}, follow=True).content.decode()
    assert "Cancelled by you. I am well again." in page
    theirs = session_of(cast.ada.clinician.user).get(reverse("consultations:detail", args=[consultation.pk]))
    assert "Cancelled by the patient. I am well again." in theirs.content.decode()
    consultation.refresh_from_db()
    assert consultation.status == Consultation.Status.CANCELLED
    assert ada.post(cancel, {"why": "Again."}).status_code == 302
    assert ConsultationChange.objects.count() == 1


@pytest.mark.parametrize("what", ["move", "cancel"])
def test_shortly_before_the_start_it_stays_as_it_is(cast: Cast, what: str) -> None:
    ada, planned = session_of(cast.ada.patient.user), cast.ada.planned
    page = reverse(f"consultations:{what}", args=[planned.pk])
    for answer in (ada.get(page, follow=True), ada.post(page, {}, follow=True)):
        assert "It is too late to change this consultation here." in answer.content.decode()
    planned.refresh_from_db()
    assert planned.status == Consultation.Status.PLANNED and not ConsultationChange.objects.exists()


def test_who_is_told_to_call_the_clinic_can_press_its_number(cast: Cast, settings: Any) -> None:
    ada, planned = session_of(cast.ada.patient.user), cast.ada.planned
    pages = [reverse(name, args=[planned.pk]) for name in ("consultations:cancel", "booking:done")]
    pages.append("/nothing/here/")
    assert not any("tel:" in ada.get(page, follow=True).content.decode() for page in pages)
    settings.CLINIC_PHONE = "+44 20 7946 0018"
    link = '<a href="tel:+442079460018" dir="ltr">+44 20 7946 0018</a>'
    assert all(link in ada.get(page, follow=True).content.decode() for page in pages)


@pytest.mark.parametrize("who", ["ben.patient", "ada.clinician", "ada.colleague", "staff"])
@pytest.mark.parametrize("what", ["move", "cancel"])
def test_nobody_else_moves_or_cancels_it(cast: Cast, hours: Any, who: str, what: str) -> None:
    consultation = book_first(session_of(cast.ada.patient.user))
    other = session_of(cast.actors()[who])
    page = reverse(f"consultations:{what}", args=[consultation.pk])
    assert (other.get(page).status_code, other.post(page, {}).status_code) == (404, 404)
    assert not ConsultationChange.objects.exists()


@pytest.mark.parametrize("name", ["times", "confirm"])
def test_who_is_no_patient_is_sent_where_they_belong(cast: Cast, name: str) -> None:
    page = reverse(f"booking:{name}")
    assert session_of(cast.ada.clinician.user).get(page)["Location"] == "/clinic/"
    assert session_of(cast.staff).get(page)["Location"] == "/admin/"
    assert session_of(make_user("No Profile")).get(page)["Location"] == "/recordings/"


def test_a_patient_without_clinicians_can_book_whoever_is_free(cast: Cast, hours: Any) -> None:
    Availability.objects.update(for_new_patients=True)
    new = Patient.objects.create(user=make_user("New Here"), name="New Here", date_of_birth="1990-01-01")
    client = session_of(new.user)
    links = slots_on(client.get("/book/"))
    assert client.post(links[0], FORM)["Location"].startswith("/book/done/")
    assert Consultation.objects.get(patient=new).clinician == cast.ada.clinician


@pytest.mark.parametrize("text", ["", "2027-01-11", "2027-01-11T09:00", "2027-13-11T09:00Z", "2027-01-11T09:00+01:00"])
def test_only_a_whole_moment_is_one(text: str) -> None:
    assert booking_pages.moment(text) is None


@pytest.mark.parametrize("form", [FORM, {**FORM, "reason": ""}])
def test_whoever_comes_second_keeps_what_they_wrote_and_no_address_holds_it(
    cast: Cast, hours: Any, form: dict[str, str]
) -> None:
    ada, ben = session_of(cast.ada.patient.user), session_of(cast.ben.patient.user)
    first, second = slots_on(ada.get("/book/"))[:2]
    Availability.objects.filter(clinician=cast.ada.clinician).update(for_new_patients=True)
    assert "/book/done/" in ben.post(first, FORM | {"reason": "Theirs"})["Location"]
    gone = ada.post(first, form)
    assert "gone" in gone["Location"] and "cough" not in gone["Location"]
    page = ada.get(second).content.decode()
    assert "An interpreter" in page and ("A cough" in page) == bool(form["reason"])
    assert re.search(r'value="video"[^>]*checked', page) and "Theirs" not in page
    assert ada.post(second, FORM).status_code == 302 and "booking_draft" not in ada.session


def test_what_reception_wrote_for_one_patient_is_offered_for_them_alone(cast: Cast, hours: Any) -> None:
    clerk, desk = session_of(cast.staff), "/admin/consultations/consultation/desk/{}/book/?{}"
    ada, ben = cast.ada.patient.pk, cast.ben.patient.pk
    first, second = [link.split("?")[1] for link in slots_on(session_of(cast.ada.patient.user).get("/book/"))[:2]]
    clerk.post(desk.format(ben, first), FORM | {"reason": "Theirs"})
    assert "gone" in clerk.post(desk.format(ada, first), FORM)["Location"]
    assert "A cough" in clerk.get(desk.format(ada, second)).content.decode()
    assert "A cough" not in clerk.get(desk.format(ben, second)).content.decode()
    clerk.post(desk.format(ada, second), FORM)
    assert "booking_draft" not in clerk.session
    assert Consultation.objects.get(reason="A cough").adjustments == "An interpreter"


def test_whoever_comes_back_to_what_they_booked_and_cancelled_is_not_told_that_it_is_booked(
    cast: Cast, hours: Any
) -> None:
    ada = session_of(cast.ada.patient.user)
    consultation = book_first(ada)
    done = reverse("booking:done", args=[consultation.pk])
    assert "Your consultation is booked" in ada.get(done).content.decode()
    Consultation.objects.filter(pk=consultation.pk).update(status="cancelled")
    assert ada.get(done)["Location"] == reverse("consultations:detail", args=[consultation.pk])


def test_where_nothing_is_free_soon_whoever_is_first_is_shown_later(cast: Cast) -> None:
    Availability.objects.all().delete()
    in_three_weeks = timezone.localdate() + timedelta(days=21)
    later = make_hours(
        cast.ada.clinician, ends=_time("23:00"), weekday=str(in_three_weeks.isoweekday()), slot_minutes=60
    )
    Availability.objects.filter(pk=later.pk).update(valid_from=in_three_weeks)
    page = session_of(cast.ada.patient.user).get("/book/?with=first")
    first = min(at_of(link) for link in slots_on(page))
    assert timezone.localdate(first) == in_three_weeks


def test_what_nobody_held_stands_among_what_is_past(cast: Cast) -> None:
    """Nobody said that it was missed: it must not vanish from both lists once its time is over."""
    before = timezone.now() - timedelta(hours=3)
    Consultation.objects.filter(pk=cast.ada.planned.pk).update(starts_at=before, ends_at=before + timedelta(minutes=15))
    page = session_of(cast.ada.patient.user).get("/consultations/").content.decode()
    upcoming, past = page.split('id="past-title"')
    link = reverse("consultations:detail", args=[cast.ada.planned.pk])
    assert link not in upcoming and link in past and "Planned time is over" in past
