"""An answer about recording that was given before the call counts in it, and can be taken back there."""

from collections.abc import Iterator

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.ledger import Actor
from consultations import consents
from consultations.consents import capture_mode
from consultations.wordings import FIRST
from tests.lines import House, Room, common_database, opened_house, session_of

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
READ = {"version": FIRST.version, "sha256": FIRST.sha256}


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house


def allow(room: Room, role: str) -> None:
    place = room.place(role)
    consents.give(None, by=place, scope="audio_video", actor=Actor(place.user_id), now=timezone.now(), **READ)


def test_it_counts_when_the_call_begins_and_can_be_taken_back_there(house: House) -> None:
    room = Room(house.portal, house.ada)
    for role in ("patient", "clinician"):
        allow(room, role)
    ada, osei = room.begins()
    answers = {one["role"]: one["recording"] for one in ada.state()["participants"]}
    assert answers == {"patient": "allowed", "clinician": "allowed"}
    assert [lease["capture"] for lease in osei.said("rec.lease")] == ["audio"]
    ada.ask("consent.withdraw")
    assert (capture_mode(room.call), room.place("patient").recording) == (None, "withdrawn")


def test_on_the_page_while_the_lobby_is_open_the_others_hear_it(house: House) -> None:
    room = Room(house.portal, house.ada)
    osei = room.enters("clinician")
    address = reverse("consultations:answer-recording", args=[room.consultation.pk])
    house.portal.do(session_of(room.user("patient")).post, address, READ | {"answer": "allow"})
    assert osei.hears("consent.changed")["participant"]["recording"] == "allowed"


def test_a_no_that_was_said_before_stays_a_no(house: House) -> None:
    room = Room(house.portal, house.ada)
    consents.decline(None, by=room.place("patient"), actor=Actor(), now=timezone.now())
    room.begins()
    assert room.place("patient").recording == "declined"
