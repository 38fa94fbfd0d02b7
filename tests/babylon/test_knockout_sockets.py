"""The socket of somebody's consultation, with each barrier around recordings knocked out in turn."""

from collections.abc import Iterator

import pytest
from django.db import connection

from audit import triggers
from tests.babylon.barriers import BARRIERS
from tests.lines import House, Room, common_database, consents, opened_house

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house


@pytest.fixture(autouse=True)
def rules_are_put_back(db: None) -> Iterator[None]:
    yield
    triggers.install(connection)


@pytest.mark.parametrize("name", [name for name in BARRIERS if name != "vault"])
def test_no_stranger_hears_a_word_of_a_call_that_is_recorded(
    house: House, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    BARRIERS[name].knock_out(monkeypatch)
    for line in Room(house.portal, house.ada).begins():
        assert consents(line)["t"] == "ack"
        assert line.hears("rec.status")
    strangers = {"nobody": None, "ben.patient": house.ben.patient.user} | house.everybody_else()
    for who, user in strangers.items():
        line = house.portal.line(user, house.ada.planned.pk)
        line.say("hello", tab="one")
        assert line.hears_until_closed() in (4401, 4404), who
        assert [frame for frame in line.heard if frame["t"] != "error"] == [], who
