"""Sockets count as pages do: who tries one consultation after the other is told to wait, also without the ledger."""

import uuid
from collections.abc import Iterator

import pytest

from audit import ledger
from audit.models import Action, Alert, Entry
from audit.refusals import MOST
from consultations import policy
from consultations.models import Participant
from tests.ledgers import ledger_down
from tests.lines import House, common_database, opened_house, session_of

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ledger_places"),
]


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house


def test_trying_sockets_ends_alike_for_unknown_and_foreign_and_leaves_ones_own_open(house: House) -> None:
    ben = house.ben.patient.user
    client = session_of(ben)
    codes = [house.portal.line(ben, uuid.uuid4(), client=client).hears_until_closed() for _ in range(MOST)]
    assert set(codes) == {4404}
    pks = (uuid.uuid4(), house.ada.planned.pk)
    assert [house.portal.line(ben, pk, client=client).hears_until_closed() for pk in pks] == [4429, 4429]
    assert Entry.objects.filter(actor=ben.pk, action=Action.REFUSED).count() == MOST
    own = house.portal.line(ben, house.ben.planned.pk, client=client)
    assert own.hello()["t"] == "welcome"


def test_a_lost_grant_is_told_to_the_staff_by_the_socket_too(house: House) -> None:
    place = Participant.objects.get(consultation=house.ada.planned, role="patient")
    policy.revoke_place(place)
    assert house.portal.line(place.user, house.ada.planned.pk).hears_until_closed() == 4404
    alert = Alert.objects.get(kind="two_keys")
    assert (alert.object_id, alert.actor) == (house.ada.planned.pk, place.user_id)
    policy.grant_place(place)


def test_without_the_ledger_a_stranger_is_refused_and_a_call_begins(house: House) -> None:
    with ledger_down():
        assert house.portal.line(house.ben.patient.user, uuid.uuid4()).hears_until_closed() == 4404
        assert house.portal.line(house.ada.patient.user, house.ada.planned.pk).hello()["t"] == "welcome"
    assert ledger.first_fault() is None
