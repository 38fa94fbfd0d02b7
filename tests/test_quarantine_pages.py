"""The staff site's queue of what is held back: facts without content, and who may do what there."""

import uuid

import pytest
from django.contrib.admin import site
from django.test import Client
from django.urls import reverse

from accounts.models import User
from recordings import guard, held_back, quarantine_admin
from recordings.misfits import MISFITS, misfit
from recordings.models import Chunk, QuarantineDecision, Recording, Segment
from tests.cast import ACTORS, Cast
from tests.quarantined import WHY, another_administrator
from tests.quarantined import held_back as make_held_back
from tests.visits import CANVAS, Visit

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
QUEUE = "/admin/recordings/quarantinedecision/"


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


@pytest.fixture
def visit(cast: Cast) -> Visit:
    return make_held_back(cast)


def browser(user: object) -> Client:
    client = Client()
    if isinstance(user, User) and user.is_active:
        client.force_login(user)
    return client


def page_of(visit: Visit) -> str:
    return reverse("admin:quarantine_decide", args=[visit.recording.pk])


def test_staff_see_what_is_held_back_and_why_without_content(cast: Cast, visit: Visit) -> None:
    clerk = browser(cast.staff)
    queue, page = clerk.get(QUEUE).content.decode(), clerk.get(page_of(visit)).content.decode()
    for text in (queue, page):
        assert "Whoever recorded was not in the call when a part began." in text
        assert "Part 1" in text and "0:03" in text and "1 part" in text and "KB" in text
        for person in (cast.ada.patient, cast.ada.clinician):
            assert person.user.email not in text and person.user.name not in text
        assert "<audio" not in text and "<video" not in text and "/media/" not in text
    assert str(cast.ben.recording.pk) not in queue and str(cast.ada.recording.pk) not in queue
    assert "<textarea" not in page, "who may not decide gets no form"


def test_a_page_that_is_asked_for_more_than_facts_is_not_built(cast, visit: Visit, monkeypatch) -> None:
    real = held_back._row

    def talkative(recording: Recording, part: int | None) -> held_back.Row:
        row = real(recording, part)
        row.facts["patient"] = recording.patient.name
        return row

    monkeypatch.setattr(quarantine_admin.held_back, "_row", talkative)
    for path in (QUEUE, page_of(visit)):
        with pytest.raises(guard.NotAFact):
            browser(cast.administrator).get(path)


@pytest.mark.parametrize("name", [name for name in ACTORS if name not in {"staff", "administrator"}])
def test_patients_and_clinicians_reach_neither_queue_nor_decision(cast: Cast, visit: Visit, name: str) -> None:
    client = browser(cast.actors()[name])
    for path in (QUEUE, page_of(visit), reverse("admin:quarantine_decide", args=[uuid.uuid4()])):
        for answer in (client.get(path), client.post(path, {"act": "propose", "what": "discard", "why": WHY})):
            assert answer.status_code in {302, 404} and str(visit.recording.pk).encode() not in answer.content
    assert not QuarantineDecision.objects.exists()


def test_two_administrators_release_it_with_their_own_browsers(cast: Cast, visit: Visit) -> None:
    chief, path = browser(cast.administrator), page_of(visit)
    assert "another person confirms it" in chief.get(path).content.decode().lower()
    without_reason = chief.post(path, {"act": "propose", "what": "release"}).content.decode()
    assert "This field is required" in without_reason and "<title>Error:" in without_reason
    assert not QuarantineDecision.objects.exists()
    assert chief.post(path, {"act": "propose", "what": "release", "why": WHY}).status_code == 302
    decision = QuarantineDecision.objects.get()
    own = chief.get(path).content.decode()
    assert 'value="confirm"' not in own and WHY in own
    again = browser(cast.administrator)
    again.post(path, {"act": "confirm", "decision": decision.pk})
    assert "Another person has to confirm it" in again.get(path).content.decode()
    clerk = browser(cast.staff)
    assert 'value="confirm"' not in clerk.get(path).content.decode()
    clerk.post(path, {"act": "confirm", "decision": decision.pk})
    decision.refresh_from_db()
    assert decision.confirmed_at is None
    second = browser(another_administrator())
    assert 'value="confirm"' in second.get(path).content.decode()
    assert second.post(path, {"act": "confirm", "decision": decision.pk})["Location"] == QUEUE
    decision.refresh_from_db()
    assert decision.confirmed_at and decision.job
    assert "Released; the replay is being prepared." in second.get(QUEUE).content.decode()


def test_a_proposal_is_withdrawn_and_stays_in_the_list(cast: Cast, visit: Visit) -> None:
    chief, path = browser(cast.administrator), page_of(visit)
    chief.post(path, {"act": "propose", "what": "discard", "why": WHY})
    decision = QuarantineDecision.objects.get()
    assert "waits for another person" in chief.get(QUEUE).content.decode()
    chief.post(path, {"act": "withdraw", "decision": decision.pk})
    queue = chief.get(QUEUE).content.decode()
    assert "withdrawn" in queue and "Nobody has proposed anything yet." in queue
    assert WHY in chief.get(f"{QUEUE}{decision.pk}/change/").content.decode()


def test_what_can_never_be_released_says_so_and_offers_no_release(cast: Cast, visit: Visit) -> None:
    Recording.objects.filter(pk=visit.recording.pk).update(reason="chunk_notthisobject")
    chief, path = browser(cast.administrator), page_of(visit)
    page = chief.get(path).content.decode()
    assert "can never be released" in page and 'value="release"' not in page and 'value="discard"' in page
    chief.post(path, {"act": "propose", "what": "release", "why": WHY})
    assert not QuarantineDecision.objects.exists()


@pytest.mark.parametrize("decision", ["", "nothing", "3f2b8c1e-5a4d-4e6f-9b70-1c2d3e4f5a6b"])
@pytest.mark.parametrize("act", ["confirm", "withdraw"])
def test_a_decision_that_is_none_is_refused_with_words(cast: Cast, visit: Visit, act: str, decision: str) -> None:
    chief = browser(cast.administrator)
    answer = chief.post(page_of(visit), {"act": act, "decision": decision}, follow=True)
    assert "There is no such proposal." in answer.content.decode()


def test_no_decision_is_added_changed_or_deleted_by_a_form(cast: Cast, visit: Visit) -> None:
    chief = browser(cast.administrator)
    chief.post(page_of(visit), {"act": "propose", "what": "discard", "why": WHY})
    row = f"{QUEUE}{QuarantineDecision.objects.get().pk}"
    assert chief.post(f"{QUEUE}add/", {"what": "release"}).status_code == 403
    assert chief.post(f"{row}/change/", {"what": "release"}).status_code == 403
    assert chief.post(f"{row}/delete/", {"post": "yes"}).status_code == 403
    assert QuarantineDecision.objects.get().what == "discard"


def test_what_is_not_held_back_has_no_such_page(cast: Cast) -> None:
    chief = browser(cast.administrator)
    for pk in (cast.ada.recording.pk, uuid.uuid4()):
        assert chief.get(reverse("admin:quarantine_decide", args=[pk])).status_code == 404
    assert "Nothing is held back." in chief.get(QUEUE).content.decode()


def test_without_the_right_to_look_there_is_no_queue(cast: Cast, visit: Visit) -> None:
    cast.staff.groups.clear()
    clerk = browser(cast.staff)
    assert clerk.get(QUEUE).status_code == 403 and clerk.get(page_of(visit)).status_code in {302, 403}


def test_every_reason_has_words_of_its_own() -> None:
    said = [str(one.says) for one in MISFITS.values()]
    assert len(set(said)) == len(said) and QuarantineDecision in site._registry
    assert not misfit("something_new").may_be_released and str(misfit("something_new").says)


def test_patient_and_clinician_read_calm_words(cast: Cast, visit: Visit) -> None:
    for person in (cast.ada.patient.user, cast.ada.clinician.user):
        path = reverse("recordings:status", args=[visit.consultation.pk])
        page = browser(person).get(path).content.decode()
        assert "We are checking this recording." in page and "You need not do anything." in page
        assert "/recordings/" + str(visit.recording.pk) not in page
    assert Chunk.objects.exists() and Segment.objects.exists()
