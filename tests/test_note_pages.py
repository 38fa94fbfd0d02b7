"""The note on pages: written beside the call and in /clinic/, read by the patient, absent for everybody else."""

import json
import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit import ledger
from audit.models import Action, Entry
from consultations.models import Consultation, Note, NoteTemplate
from patients.models import Clinician
from tests.cast import Cast, World, make_note

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
MINE = "What only this clinician knows"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def clinic_page(consultation: Consultation) -> str:
    return reverse("clinic:consultations_consultation_change", args=[consultation.pk])


def write(client: Client, world: World, text: str, *, script: bool = False, **facts: Any) -> Any:
    said = {"version": 1, "revision": 0, "do": "save", "text": text} | facts
    headers = {"Accept": "application/json"} if script else {}
    return client.post(reverse("consultations:write_note", args=[world.held.pk]), said, headers=headers)


def note_of(world: World) -> Note:
    return Note.objects.filter(consultation=world.held).latest("version")


@pytest.fixture
def doctor(cast: Cast) -> Client:
    return signed_in(cast.ada.clinician.user)


@pytest.fixture
def patient(cast: Cast) -> Client:
    return signed_in(cast.ada.patient.user)


def patients_page(client: Client, world: World) -> str:
    return client.get(reverse("consultations:detail", args=[world.held.pk])).content.decode()


# From the first word to the patient's page.


def test_a_clinician_writes_signs_and_shares_and_only_then_the_patient_reads(
    cast: Cast, doctor: Client, patient: Client
) -> None:
    assert MINE not in patients_page(patient, cast.ada)
    write(doctor, cast.ada, f"Assessment:\r\n{MINE}")
    assert note_of(cast.ada).text == f"Assessment:\n{MINE}"
    write(doctor, cast.ada, f"Assessment:\n{MINE}", revision=1, do="sign")
    assert note_of(cast.ada).signed_at and MINE not in patients_page(patient, cast.ada)
    assert "Read the note from" not in patient.get("/").content.decode()
    doctor.post(reverse("consultations:share_note", args=[note_of(cast.ada).pk]))
    page = patients_page(patient, cast.ada)
    assert MINE in page and "<h4>Assessment</h4>" in page
    home = patient.get("/").content.decode()
    assert "Read the note from Dr Samuel Osei" in home and MINE not in home


def test_an_addendum_is_written_below_what_is_signed(cast: Cast, doctor: Client) -> None:
    make_note(cast.ada, MINE, signed_at=cast.ada.held.ends_at)
    page = doctor.get(clinic_page(cast.ada.held)).content.decode()
    assert MINE in page and "Sign the addendum" in page and 'name="version" value="2"' in page
    write(doctor, cast.ada, "And this", version=2, do="sign")
    assert [note.text for note in Note.objects.filter(consultation=cast.ada.held)] == [MINE, "And this"]


def test_words_of_a_note_are_text_and_never_markup(cast: Cast, patient: Client) -> None:
    at = cast.ada.held.ends_at
    make_note(cast.ada, "<script>x</script>:\n<b>bold</b>", signed_at=at, shared_at=at)
    page = patients_page(patient, cast.ada)
    assert "&lt;script&gt;x" in page and "<b>bold" not in page


def test_an_empty_note_is_not_signed_and_the_page_says_why(cast: Cast, doctor: Client) -> None:
    answer = write(doctor, cast.ada, " ", do="sign")
    assert answer.status_code == 302
    assert "nothing to sign" in doctor.get(answer["Location"]).content.decode()
    assert not Note.objects.filter(consultation=cast.ada.held, signed_at__isnull=False).exists()


# Two tabs.


def test_the_tab_that_comes_second_is_shown_both_and_nothing_is_overwritten(cast: Cast, doctor: Client) -> None:
    write(doctor, cast.ada, "First words")
    answer = write(doctor, cast.ada, "Second words")
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "First words" in page and "Second words" in page and 'name="revision" value="1"' in page
    assert note_of(cast.ada).text == "First words"


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_script_is_told_what_stands_and_what_it_would_add_to(is_signed: bool, cast: Cast, doctor: Client) -> None:
    saved = write(doctor, cast.ada, "First words", script=True)
    assert json.loads(saved.content) == {"version": 1, "revision": 1}
    if is_signed:
        write(doctor, cast.ada, "First words", revision=1, do="sign")
    answer = write(doctor, cast.ada, "Second words", script=True)
    expected = {"version": 2, "revision": 0, "text": ""} if is_signed else {"version": 1, "revision": 1}
    assert (answer.status_code, json.loads(answer.content)) == (
        409,
        {"text": "First words", **expected, "signed": is_signed},
    )
    assert note_of(cast.ada).text == "First words"


def test_a_note_that_is_too_long_is_not_cut_and_comes_back(cast: Cast, doctor: Client) -> None:
    text = "long " * 5000
    answer = write(doctor, cast.ada, text)
    assert answer.status_code == 400 and text in answer.content.decode()
    assert "shorten it" in answer.content.decode() and "<title>Error:" in answer.content.decode()
    assert not Note.objects.filter(consultation=cast.ada.held).exists()


# Templates.


def own_template(world: World, text: str = "My heading:\n") -> NoteTemplate:
    return NoteTemplate.objects.create(clinician=world.clinician, name="Mine", text=text)


def test_a_template_fills_an_empty_note_only(cast: Cast, doctor: Client) -> None:
    template = own_template(cast.ada)
    write(doctor, cast.ada, "", do="fill", template=template.pk)
    assert note_of(cast.ada).text == "My heading:\n"
    answer = write(doctor, cast.ada, "Words", revision=1, do="fill", template="assessment-plan")
    assert note_of(cast.ada).text == "Words"
    assert "was not used" in doctor.get(answer["Location"]).content.decode()


def test_a_given_template_begins_a_note_with_headings(cast: Cast, doctor: Client) -> None:
    write(doctor, cast.ada, "  \n", do="fill", template="assessment-plan")
    assert note_of(cast.ada).text == "Assessment:\n\n\nPlan:\n"


def test_nobody_begins_with_somebody_elses_template(cast: Cast, doctor: Client) -> None:
    theirs = own_template(cast.ben, "What Ben's clinician asks")
    assert "What Ben" not in doctor.get(clinic_page(cast.ada.held)).content.decode()
    write(doctor, cast.ada, "", do="fill", template=theirs.pk)
    assert not Note.objects.filter(consultation=cast.ada.held).exists()


def test_clinicians_keep_their_own_templates(cast: Cast, doctor: Client) -> None:
    add = reverse("clinic:consultations_notetemplate_add")
    doctor.post(add, {"name": "Mine", "text": "Plan:"})
    mine, theirs = NoteTemplate.objects.get(), own_template(cast.ben)
    assert mine.clinician == cast.ada.clinician
    for template, stays in ((mine, False), (theirs, True)):
        doctor.post(reverse("clinic:consultations_notetemplate_change", args=[template.pk]), {"name": "X", "text": "x"})
        doctor.post(reverse("clinic:consultations_notetemplate_delete", args=[template.pk]), {"post": "yes"})
        assert NoteTemplate.objects.filter(pk=template.pk, name="Mine").exists() == stays


def test_clinicians_are_listed_their_own_templates_alone(cast: Cast, doctor: Client) -> None:
    mine, theirs = own_template(cast.ada), own_template(cast.ben)
    listed = doctor.get(reverse("clinic:consultations_notetemplate_changelist")).content.decode()
    assert str(mine.pk) in listed and str(theirs.pk) not in listed


# Beside the call.


def beside(client: Client, consultation: Consultation) -> Any:
    return client.get(reverse("consultations:beside", args=[consultation.pk]))


def test_beside_the_call_stand_the_patient_the_note_and_what_came_before(cast: Cast, doctor: Client) -> None:
    at, ada = cast.ada.held.ends_at, cast.ada.patient
    ada.nhs_number, ada.communication_needs = "9990000018", "Speaks Polish"
    ada.save(update_fields=["nhs_number", "communication_needs"])
    make_note(cast.ada, "Shared before", signed_at=at, shared_at=at)
    make_note(cast.ada, "Signed and kept", signed_at=at)
    page = beside(doctor, cast.ada.planned).content.decode()
    for said in ("Ada Lovell", "29 February 1980", "999 000 0018", "Speaks Polish", "First visit", "Shared before"):
        assert said in page
    assert "Signed and kept" not in page and "Ben Carrow" not in page


def test_the_call_page_itself_waits_for_no_note_and_no_ledger(cast: Cast, doctor: Client, monkeypatch) -> None:
    make_note(cast.ada, MINE)
    monkeypatch.setattr(ledger, "append", fail)
    page = doctor.get(reverse("consultations:call", args=[cast.ada.planned.pk]))
    assert page.status_code == 200 and 'id="beside"' in page.content.decode() and MINE not in page.content.decode()
    assert beside(doctor, cast.ada.held).status_code == 503


def test_the_patients_call_page_has_no_place_for_it(cast: Cast, patient: Client) -> None:
    page = patient.get(reverse("consultations:call", args=[cast.ada.planned.pk])).content.decode()
    assert "beside" not in page and "js/note" not in page


def test_after_care_has_ended_the_patients_details_are_not_shown(cast: Cast, doctor: Client) -> None:
    cast.ada.patient.care_relationships.update(until=cast.now)
    page = beside(doctor, cast.ada.planned).content.decode()
    assert "You no longer care" in page and "29 February 1980" not in page


# Refusals, and the ledger.


def fail(*_: object, **__: object) -> None:
    raise ledger.LedgerUnavailable


def test_without_the_ledger_the_patients_page_goes_on_and_says_why_there_is_no_note(
    cast: Cast, patient: Client, monkeypatch
) -> None:
    at = cast.ada.held.ends_at
    make_note(cast.ada, MINE, signed_at=at, shared_at=at)
    monkeypatch.setattr(ledger, "append", fail)
    page = patients_page(patient, cast.ada)
    assert MINE not in page and "cannot be shown right now" in page


@pytest.mark.parametrize("who", ["ada.patient", "ada.colleague", "ben.clinician", "staff", "administrator"])
def test_for_everybody_else_writing_and_sharing_is_not_there(who: str, cast: Cast) -> None:
    note = make_note(cast.ada, MINE, signed_at=cast.ada.held.ends_at)
    client = signed_in(cast.actors()[who])
    doors = [
        reverse("consultations:write_note", args=[cast.ada.held.pk]),
        reverse("consultations:share_note", args=[note.pk]),
    ]
    said = {"version": 2, "revision": 0, "do": "save", "text": "Not mine to say"}
    for door in doors:
        answer = client.post(door, said)
        assert answer.status_code == 404 and MINE not in answer.content.decode()
    assert client.post(reverse("consultations:share_note", args=[uuid.uuid4()])).status_code == 404
    assert beside(client, cast.ada.held).status_code == 404
    assert [(note.text, note.shared_at) for note in Note.objects.all()] == [(MINE, None)]
    assert Entry.objects.filter(action=Action.REFUSED, actor=cast.actors()[who].pk).count() == 4


@pytest.mark.parametrize("who", ["staff", "administrator"])
def test_no_page_of_the_staff_site_shows_a_word_of_a_note(who: str, cast: Cast) -> None:
    at = cast.ada.held.ends_at
    make_note(cast.ada, MINE, signed_at=at, shared_at=at)
    client, shown = signed_in(cast.actors()[who]), 0
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages = [client.get(reverse(f"{name}_changelist"))]
        pages += [client.get(reverse(f"{name}_change", args=[pk])) for pk in model.objects.values_list("pk", flat=True)]
        assert not [page for page in pages if MINE in page.content.decode()], name
        shown += sum(page.status_code == 200 for page in pages)
    assert shown > 20


def test_a_patient_shares_nothing_not_even_what_they_may_read(cast: Cast, patient: Client) -> None:
    at = cast.ada.held.ends_at
    note = make_note(cast.ada, MINE, signed_at=at, shared_at=at)
    assert patient.post(reverse("consultations:share_note", args=[note.pk])).status_code == 404


def test_a_draft_is_not_shared_through_its_address(cast: Cast, doctor: Client) -> None:
    draft = make_note(cast.ada, MINE)
    assert doctor.post(reverse("consultations:share_note", args=[draft.pk])).status_code == 404
    assert note_of(cast.ada).shared_at is None


def test_a_clinician_who_is_somebody_elses_patient_is_only_that(cast: Cast) -> None:
    at = cast.ada.held.ends_at
    make_note(cast.ada, MINE, signed_at=at)
    Clinician.objects.create(user=cast.ada.patient.user, registration_number="CAST-TWICE", speciality="Surgery")
    client = signed_in(cast.ada.patient.user)
    assert MINE not in patients_page(client, cast.ada)
    assert beside(client, cast.ada.held).status_code == 404
