"""A clinician's own patients in /clinic/: found by name, date of birth or NHS number; their page; nobody else's."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit import ledger
from audit.models import Action, Entry
from consultations.booking import book
from patients import policy
from patients.clinic import as_date, as_nhs_number
from patients.models import CareRelationship, Clinician, Patient
from patients.services import begin_care
from tests.cast import ACTORS, Cast, make_ended_call, make_note, make_ready_recording

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
LIST = "clinic:patients_patient_changelist"
ADAS_NUMBER, BENS_NUMBER = "9990000018", "9990000026"
CARED_FOR = {"ada.clinician": "ada", "ada.colleague": "ada", "ben.clinician": "ben", "ben.colleague": "ben"}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def doctor(cast: Cast) -> Client:
    """Ada's clinician; Ben, who is somebody else's, was born the same day and has nearly the same number."""
    Patient.objects.filter(pk=cast.ada.patient.pk).update(nhs_number=ADAS_NUMBER)
    Patient.objects.filter(pk=cast.ben.patient.pk).update(nhs_number=BENS_NUMBER)
    return signed_in(cast.ada.clinician.user)


def found(client: Client, q: str) -> str:
    return client.get(reverse(LIST), {"q": q}).content.decode()


def page_of(patient: Patient) -> str:
    return reverse("clinic:patients_patient_change", args=[patient.pk])


@pytest.mark.parametrize("actor", ACTORS)
def test_ones_own_patients_are_those_one_cares_for_now(actor: str, cast: Cast) -> None:
    own = CARED_FOR.get(actor)
    assert list(policy.cared_for_by(cast.actors()[actor])) == ([getattr(cast, own).patient] if own else [])


def test_a_clinician_is_not_among_their_own_patients(cast: Cast) -> None:
    user = cast.ada.patient.user
    clinician = Clinician.objects.create(user=user, registration_number="CAST-TWICE", speciality="Surgery")
    begin_care(cast.ben.patient, clinician, why="referred", now=cast.now)
    assert list(policy.cared_for_by(user)) == [cast.ben.patient]


@pytest.mark.parametrize(
    "q", ["lovell", "Ada", "29/02/1980", "29.02.1980", "1980-02-29", "29 February 1980", "999 000 0018", "999-000-0018"]
)
def test_a_patient_is_found_by_name_date_of_birth_or_nhs_number(q: str, doctor: Client) -> None:
    page = found(doctor, q)
    assert "Ada Lovell" in page and "Ben Carrow" not in page


@pytest.mark.parametrize("q", ["Carrow", BENS_NUMBER, "9990000", "1980", "30/02/1980"])
def test_others_patients_and_parts_of_a_number_or_date_find_nobody(q: str, doctor: Client) -> None:
    page = found(doctor, q)
    assert "Ada Lovell" not in page and "Ben Carrow" not in page


def test_dates_are_read_day_first_and_numbers_whole() -> None:
    assert as_date("03/04/1988") == date(1988, 4, 3)
    assert as_date("31/02/1988") is None and as_date("Lovell") is None
    assert as_nhs_number(" 999 000 0018 ") == ADAS_NUMBER
    assert as_nhs_number("99900000180") is None and as_nhs_number("١٢٣٤٥٦٧٨٩٠") is None


def test_a_patients_page_leads_to_consultations_notes_and_replays_and_stands_in_the_ledger(
    cast: Cast, doctor: Client
) -> None:
    make_note(cast.ada, "Words of the note itself")
    page = doctor.get(page_of(cast.ada.patient)).content.decode()
    for said in ("29 February 1980", "999 000 0018", "First visit", "There is a draft that is not signed"):
        assert said in page
    assert reverse("recordings:detail", args=[cast.ada.recording.pk]) in page
    assert "Words of the note itself" not in page
    lines = Entry.objects.filter(patient=cast.ada.patient.pk, actor=cast.ada.clinician.user.pk)
    assert set(lines.values_list("action", "object_type")) == {(Action.OPENED, "patient"), (Action.LISTED, "recording")}


def test_a_patients_page_holds_nothing_of_the_clinicians_other_patients(cast: Cast, doctor: Client) -> None:
    hours, clinician = timedelta(hours=1), cast.ada.clinician
    starts_at = cast.now - 5 * hours
    visit = book(
        cast.ben.patient, clinician, starts_at=starts_at, ends_at=starts_at + hours, reason="Ben's own", now=starts_at
    )
    recording, _ = make_ready_recording(make_ended_call(visit), b"of Ben")
    page = doctor.get(page_of(cast.ada.patient)).content.decode()
    assert "Ben" not in page and str(visit.pk) not in page and str(recording.pk) not in page
    theirs = doctor.get(page_of(cast.ben.patient)).content.decode()
    assert str(visit.pk) in theirs and str(recording.pk) in theirs and str(cast.ben.recording.pk) not in theirs


def test_what_is_not_on_the_first_page_of_consultations_is_on_the_next(
    cast: Cast, doctor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consultations.pages.PER_PANEL", 1)
    address = page_of(cast.ada.patient)
    first, second = (doctor.get(address, {"page": n}).content.decode() for n in (1, 2))
    assert "Older" in first and "Newer" in second and "Older" not in second
    at = {one.pk: (str(one.pk) in first, str(one.pk) in second) for one in (cast.ada.planned, cast.ada.held)}
    assert at == {cast.ada.planned.pk: (True, False), cast.ada.held.pk: (False, True)}


def test_a_list_of_replays_that_is_cut_says_so(cast: Cast, doctor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "These are the newest" not in doctor.get(page_of(cast.ada.patient)).content.decode()
    monkeypatch.setattr("recordings.templatetags.recordings.MOST_REPLAYS", 1)
    assert "This is the newest one." in doctor.get(page_of(cast.ada.patient)).content.decode()


def test_a_colleague_who_cares_sees_the_patient_and_nothing_of_the_clinicians_consultations(cast: Cast) -> None:
    page = signed_in(cast.ada.colleague.user).get(page_of(cast.ada.patient)).content.decode()
    assert "Ada Lovell" in page and "First visit" not in page and str(cast.ada.recording.pk) not in page


def test_without_the_ledger_a_patients_page_is_not_shown(cast: Cast, doctor: Client, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ledger.LedgerUnavailable

    monkeypatch.setattr(ledger, "append", fail)
    answer = doctor.get(page_of(cast.ada.patient))
    assert answer.status_code == 503 and "Ada" not in answer.content.decode()


def test_after_care_has_ended_the_patients_page_is_gone(cast: Cast, doctor: Client) -> None:
    CareRelationship.objects.filter(patient=cast.ada.patient).update(until=cast.now)
    assert doctor.get(page_of(cast.ada.patient)).status_code == 302
    assert "Ada Lovell" not in found(doctor, "Lovell")


@pytest.mark.parametrize("actor", ["ada.patient", "staff", "administrator"])
def test_nobody_else_has_a_list_of_patients_in_the_clinic(actor: str, cast: Cast) -> None:
    client = signed_in(cast.actors()[actor])
    for door in (reverse(LIST), page_of(cast.ada.patient)):
        assert client.get(door).status_code == 302
