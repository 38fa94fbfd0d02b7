"""The leak guard on the socket of a call: a frame about somebody else's recording is not said."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Alert, AlertKind
from consultations.models import Call
from recordings import live
from recordings.models import PlaybackSuspension, Recording
from tests.lines import House, Room, Side, common_database, consents, opened_house

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house
        PlaybackSuspension.objects.all().filter(closed_at=None).update(
            closed_at=timezone.now(), closed_by=house.ada.clinician.user, note="A test."
        )


def recording_of(side: Side) -> Recording:
    """A recording of the side's consultation a week ago."""
    call = Call.objects.get(consultation=side.held)
    return Recording.objects.create(
        call=call, consultation=side.held, patient=side.patient, clinician=side.clinician, status="ready",
        duration_ms=77_777, started_at=timezone.now() - timedelta(days=7),
    )  # fmt: skip


def alerts_about(recording: Recording) -> int:
    return Alert.objects.filter(kind=AlertKind.FOREIGN_ROW, object_id=recording.pk).count()


def test_who_asks_what_a_foreign_recording_answers_is_sent_away_like_a_stranger(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = recording_of(house.ben)
    monkeypatch.setattr(live, "recording_of", lambda call: foreign)
    monkeypatch.setattr(live.capture, "saved_ms", lambda recording: 77_777)
    line = house.portal.line(house.ada.patient.user, house.ada.planned.pk)
    line.say("hello", tab="one")
    stranger = house.portal.line(house.ben.patient.user, house.ada.planned.pk)
    assert line.hears_until_closed() == stranger.hears_until_closed() == 4404
    assert "77777" not in repr(line.heard)
    assert alerts_about(foreign) == 1
    suspension = PlaybackSuspension.objects.get(patient=house.ben.patient)
    assert (suspension.scope, suspension.opened_by) == ("patient", None)


def test_without_the_check_it_would_have_been_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = recording_of(house.ben)
    monkeypatch.setattr(live, "recording_of", lambda call: foreign)
    monkeypatch.setattr(live.capture, "saved_ms", lambda recording: 77_777)
    monkeypatch.setattr(live.guard, "check_call", lambda *_, **__: None)
    line = house.portal.line(house.ada.patient.user, house.ada.planned.pk)
    line.say("hello", tab="one")
    assert line.hears("welcome")["snapshot"]["recording"]["saved_ms"] == 77_777


def test_a_leak_on_the_way_to_everybody_is_dropped_and_the_call_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = recording_of(house.ben)
    patient, clinician = Room(house.portal, house.ada).begins()
    before = len(patient.said("rec.status"))
    with monkeypatch.context() as broken:
        broken.setattr(live, "recording_of", lambda call: foreign)
        broken.setattr(live.capture, "saved_ms", lambda recording: 77_777)
        for line in (patient, clinician):
            assert consents(line)["t"] == "ack"
        allowed = patient.hears("rec.allowed")
        assert allowed["recording"] == {"state": "off", "saved_ms": 0, "capture": None}
    assert len(patient.said("rec.status")) == before
    assert alerts_about(foreign) == 1, "what the transaction of the call's event wrote has stayed"
    assert "77777" not in repr(patient.heard) + repr(clinician.heard)
    assert patient.ask("ping", c=1)["t"] == clinician.ask("ping", c=1)["t"] == "pong"
