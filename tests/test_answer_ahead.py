"""An answer about recording before the call, on pages: the same words and rows as in the lobby."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.ledger import PORTAL, Actor
from audit.models import Action, Entry
from consultations import calls, consents
from consultations.calls import Refused
from consultations.models import Call, ConsentWording, Consultation, Participant, RecordingConsent
from consultations.wordings import FIRST, sha256_of
from tests.cast import Cast
from tests.lines import session_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]
READ = {"version": FIRST.version, "sha256": FIRST.sha256}
PATIENT = Participant.Role.PATIENT


def answers(client: Client, cast: Cast, answer: str, **said: str) -> str:
    address = reverse("consultations:answer-recording", args=[cast.ada.planned.pk])
    return client.post(address, READ | {"answer": answer} | said, follow=True).content.decode()


def test_a_patient_answers_and_changes_the_answer(cast: Cast) -> None:
    ada, place = session_of(cast.ada.patient.user), cast.ada.place_of(PATIENT, cast.ada.planned)
    detail, home = reverse("consultations:detail", args=[cast.ada.planned.pk]), reverse("home")
    assert FIRST.text in ada.get(detail).content.decode()
    assert "You have not said yet whether it may be recorded." in ada.get(home).content.decode()
    assert "You allow recording, sound only." in answers(ada, cast, "allow", sound_only="on")
    assert "You allow recording, sound only." in ada.get(home).content.decode()
    row = RecordingConsent.objects.get(participant=place)
    assert (row.scope, row.wording_sha256, row.withdrawn_at) == ("audio", FIRST.sha256, None)
    assert "You do not want a recording." in answers(ada, cast, "refuse")
    assert "You allow recording, sound and pictures." in answers(ada, cast, "allow")
    assert list(place.consents.order_by("given_at").values_list("scope", flat=True)) == ["audio", "audio_video"]
    lines = Entry.objects.filter(object_id=cast.ada.planned.pk, actor=cast.ada.patient.user_id)
    said = list(lines.order_by("seq").values_list("action", "reason"))
    assert said == [(Action.CONSENTED, "audio"), (Action.WITHDREW, ""), (Action.CONSENTED, "audio_video")]
    assert not Call.objects.filter(consultation=cast.ada.planned).exists()


def test_nobody_answers_for_somebody_else(cast: Cast) -> None:
    address = reverse("consultations:answer-recording", args=[cast.ada.planned.pk])
    for stranger in (cast.ben.patient.user, cast.ada.colleague.user, cast.staff):
        assert session_of(stranger).post(address, READ | {"answer": "allow"}).status_code == 404
    session_of(cast.ada.clinician.user).post(address, READ | {"answer": "allow"})
    place = cast.ada.place_of(PATIENT, cast.ada.planned)
    assert (place.recording, place.consents.count()) == ("unasked", 0)


def test_an_answer_to_other_words_or_none_is_not_noted(cast: Cast) -> None:
    ada = session_of(cast.ada.patient.user)
    for said in ({"sha256": "0" * 64}, {"answer": "maybe"}, {"version": ""}):
        assert "Your answer was not noted" in answers(ada, cast, **({"answer": "allow"} | said))
    assert not RecordingConsent.objects.filter(participant__consultation=cast.ada.planned).exists()


def test_a_consultation_that_is_over_cannot_be_answered(cast: Cast) -> None:
    ada = session_of(cast.ada.patient.user)
    for status in (Consultation.Status.CANCELLED, Consultation.Status.IN_PROGRESS):
        Consultation.objects.filter(pk=cast.ada.planned.pk).update(status=status)
        assert "has begun or is over" in answers(ada, cast, "allow")
        page = ada.get(reverse("consultations:detail", args=[cast.ada.planned.pk])).content.decode()
        assert "Allow recording" not in page
    assert not RecordingConsent.objects.filter(participant__consultation=cast.ada.planned).exists()


def test_a_call_that_was_opened_meanwhile_is_not_missed(cast: Cast) -> None:
    place, now = cast.ada.place_of(PATIENT, cast.ada.planned), timezone.now()
    calls.open_call(cast.ada.planned, now=now)
    with pytest.raises(Refused, match="stale"):
        consents.give(None, by=place, scope="audio", actor=PORTAL, now=now, **READ)


def test_the_check_of_the_devices_needs_nothing_but_its_script(cast: Cast) -> None:
    page = session_of(cast.ada.patient.user).get(reverse("consultations:check")).content.decode()
    assert "Nobody hears or sees you here" in page and "call-config" not in page and "csrf" in page
    buttons = re.findall(r"<button[^>]*data-part=[^>]*>", page)
    assert len(buttons) == 3 and all("disabled" in button for button in buttons)


def test_preparation_is_shown_until_the_call_begins(cast: Cast) -> None:
    ada = session_of(cast.ada.patient.user)
    for consultation, is_shown in ((cast.ada.planned, True), (cast.ada.held, False)):
        page = ada.get(reverse("consultations:detail", args=[consultation.pk])).content.decode()
        assert (reverse("consultations:check") in page) is is_shown


def test_a_yes_to_words_that_are_not_asked_with_any_more_is_asked_anew(cast: Cast) -> None:
    places, now = list(cast.ada.planned.participants.order_by("role")), timezone.now()
    for place in places:
        consents.give(None, by=place, scope="audio", actor=Actor(place.user_id), now=now, **READ)
    consents.decline(None, by=places[0], actor=PORTAL, now=now)
    text, since = "Other words.", now + timedelta(seconds=1)
    other = {"version": "later", "sha256": sha256_of(text)}
    ConsentWording.objects.create(language=FIRST.language, text=text, since=since, published_at=now, **other)
    call = calls.open_call(cast.ada.planned, now=since)
    for place in places:
        place.refresh_from_db()
    assert [place.recording for place in places] == ["declined", "unasked"]
    assert not RecordingConsent.objects.filter(participant__in=places, withdrawn_at=None).exists()
    assert Entry.objects.filter(object_id=cast.ada.planned.pk, actor=None, reason="new_wording").count() == 1
    consents.give(call.pk, by=places[1], scope="audio", actor=Actor(places[1].user_id), now=since, **other)
    assert calls.open_call(cast.ada.planned, now=since) == call
    assert RecordingConsent.objects.get(participant=places[1], withdrawn_at=None).wording_version == "later"


def test_the_answer_is_offered_until_its_time_is_over(cast: Cast) -> None:
    Consultation.objects.filter(pk=cast.ada.planned.pk).update(
        starts_at=timezone.now() - timedelta(hours=3), ends_at=timezone.now() - timedelta(hours=2)
    )
    page = session_of(cast.ada.patient.user).get(reverse("consultations:detail", args=[cast.ada.planned.pk]))
    assert "Allow recording" not in page.content.decode()
