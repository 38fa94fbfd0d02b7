"""A clinician's own patients in /clinic/: found by name, date of birth or NHS number; their page; nobody else's."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import connection
from django.http import Http404
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from audit import ledger
from audit.models import Action, Entry
from consultations.booking import book
from consultations.models import Consultation
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


def refusal_of(user: User, patient: Patient) -> tuple[str, object]:
    """Return (reason, patient) of what the policy refuses with; no reason where it is plain absence."""
    absence = policy.absence_of(user, patient.pk)
    assert isinstance(absence, Http404) and absence.args == ()
    return getattr(absence, "reason", ""), getattr(absence, "patient", None)


def test_a_lost_grant_is_a_disagreement_and_a_strangers_question_is_none(cast: Cast) -> None:
    patient = cast.ada.patient
    assert patient.user is not None
    for user in (patient.user, cast.ada.clinician.user):
        policy.revoke_view(patient, user)
        assert refusal_of(user, patient) == ("basis_without_grant", patient.pk)
    assert refusal_of(cast.ben.clinician.user, patient) == ("", None)


def test_a_grant_that_nothing_explains_is_a_disagreement(cast: Cast) -> None:
    patient, stranger = cast.ada.patient, cast.ben.clinician.user
    policy.grant_view(patient, stranger)
    assert refusal_of(stranger, patient) == ("grant_without_basis", patient.pk)


def test_a_grant_that_outlived_its_care_is_a_disagreement(cast: Cast) -> None:
    CareRelationship.objects.filter(patient=cast.ada.patient).update(until=cast.now)
    assert refusal_of(cast.ada.clinician.user, cast.ada.patient) == ("grant_without_basis", cast.ada.patient.pk)


def left(cast: Cast) -> User:
    Clinician.objects.filter(pk=cast.ada.clinician.pk).update(is_active=False)
    return cast.ada.clinician.user


def was_locked_out(cast: Cast) -> User:
    User.objects.filter(pk=cast.ada.clinician.user_id).update(is_active=False)
    return cast.ada.clinician.user


def closed_their_account(cast: Cast) -> User:
    assert cast.ada.patient.user is not None
    User.objects.filter(pk=cast.ada.patient.user_id).update(is_active=False)
    return cast.ada.patient.user


@pytest.mark.parametrize("happens", [left, was_locked_out, closed_their_account])
def test_a_grant_that_sleeps_is_no_disagreement(happens: Callable[[Cast], User], cast: Cast) -> None:
    assert refusal_of(happens(cast), cast.ada.patient) == ("", None)


def test_keys_that_agree_when_they_are_asked_again_are_no_disagreement(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([(True, False), (False, False)])
    monkeypatch.setattr(policy, "_keys", lambda *_: next(answers))
    assert refusal_of(cast.ben.clinician.user, cast.ada.patient) == ("", None)


def test_refusing_who_never_existed_asks_as_much_as_somebody_elses_patient(cast: Cast) -> None:
    asked = []
    for target in (cast.ada.patient.pk, cast.ada.planned.pk):
        with CaptureQueriesContext(connection) as queries:
            assert type(policy.absence_of(cast.ben.clinician.user, target)) is Http404
        asked.append(len(queries))
    assert asked == [3, 3]


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


def test_what_makes_it_easier_stands_beside_the_call_and_on_the_consultations_page(cast: Cast, doctor: Client) -> None:
    Consultation.objects.filter(pk=cast.ada.planned.pk).update(adjustments="A lip-speaker")
    for address in ("consultations:beside", "clinic:consultations_consultation_change"):
        assert "A lip-speaker" in doctor.get(reverse(address, args=[cast.ada.planned.pk])).content.decode()
