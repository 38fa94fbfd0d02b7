"""Opening a line: whose page, who, which consultation, and how soon they must say hello."""

import asyncio
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from consultations.consumers import CallConsumer
from consultations.models import Call, Consultation
from consultations.protocol import is_caps
from tests.lines import House, common_database, opened_house

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house


FOREIGN = [
        "", "null", "http://evil.test", "http://127.0.0.1.evil.test", "http://evil.test:8000", "http://localhost:8000",
        "http://127.0.0.1:9000", "http://127.0.0.1", "https://127.0.0.1:8443", "http://127.0.0.1:8000.evil.test",
        "http://127.0.0.1:8000@evil.test", "http://xn--127-0.test", "file://", "ws://127.0.0.1:8000",
]  # fmt: skip


def test_a_page_of_another_origin_is_refused_in_the_handshake(house: House) -> None:
    for origin in FOREIGN:
        line = house.portal.line(house.ada.patient.user, house.ada.planned.pk, headers={"origin": origin})
        assert (line.accepted, line.heard) == (False, []), origin
    assert not Call.objects.filter(consultation=house.ada.planned).exists()


def test_our_own_page_is_let_in_over_http_and_tls(house: House) -> None:
    for scheme in ("http", "https"):
        line = house.portal.line(
            house.ada.patient.user, house.ada.planned.pk, headers={"origin": f"{scheme}://127.0.0.1:8000"}
        )
        assert (line.accepted, line.closed) == (True, None)


def test_over_tls_only_pages_of_https_are_let_in(house: House, settings) -> None:
    settings.USES_TLS = True
    for scheme, is_let_in in (("http", False), ("https", True)):
        headers = {"origin": f"{scheme}://127.0.0.1:8000"}
        assert house.portal.line(house.ada.patient.user, house.ada.planned.pk, headers=headers).accepted is is_let_in


def test_an_anonymous_visitor_is_accepted_and_then_closed_as_signed_out(house: House) -> None:
    for consultation in (house.ada.planned.pk, uuid.uuid4()):
        line = house.portal.line(None, consultation)
        assert (line.accepted, line.hears_until_closed(), line.heard) == (True, 4401, [])


def test_an_invented_session_is_signed_out(house: House) -> None:
    for forged in ("sessionid=0123456789abcdef0123456789abcdef", "sessionid=", "sessionid=\x7f'--"):
        line = house.portal.line(None, house.ada.planned.pk, headers={"cookie": forged})
        assert (line.accepted, line.hears_until_closed(), line.heard) == (True, 4401, [])


def test_a_foreign_consultation_looks_like_one_that_never_existed(house: House) -> None:
    for actor, user in house.everybody_else().items():
        seen = set()
        for consultation in (house.ada.planned.pk, uuid.uuid4()):
            line = house.portal.line(user, consultation)
            line.hears_until_closed()
            seen.add((line.accepted, line.closed, len(line.heard)))
        assert seen == {(True, 4404, 0)}, actor
    assert not Call.objects.filter(consultation=house.ada.planned).exists()


def test_the_neighbour_is_welcome_in_her_own_consultation_only(house: House) -> None:
    line = house.portal.line(house.ben.patient.user, house.ben.planned.pk)
    welcome = line.hello()
    assert welcome["t"] == "welcome"
    names = {house.ben.patient.user.name, house.ben.clinician.display_name}
    assert {p["name"] for p in welcome["snapshot"]["participants"]} == names
    assert not Call.objects.filter(consultation=house.ada.planned).exists()


def test_who_says_no_hello_is_closed_in_time_and_leaves_nothing(house: House, monkeypatch) -> None:
    monkeypatch.setattr(CallConsumer, "hello_within_s", 0.15)
    line = house.portal.line(house.ada.patient.user, house.ada.planned.pk)
    assert line.hears_until_closed() == 4408
    assert not Call.objects.filter(consultation=house.ada.planned).exists()


def test_who_said_hello_is_not_closed_when_that_time_is_over(house: House, monkeypatch) -> None:
    demand_hello = CallConsumer._demand_hello

    async def once_it_was_said(consumer: CallConsumer) -> None:
        while not consumer.sid:  # a busy machine takes longer than this test allows for
            await asyncio.sleep(0.01)
        await demand_hello(consumer)

    monkeypatch.setattr(CallConsumer, "hello_within_s", 0.05)
    monkeypatch.setattr(CallConsumer, "_demand_hello", once_it_was_said)
    line = house.portal.line(house.ada.patient.user, house.ada.planned.pk)
    line.hello()
    assert line.hears_until_closed(within_s=0.4) is None


def test_nothing_can_be_said_before_hello(house: House) -> None:
    line = house.portal.line(house.ada.patient.user, house.ada.planned.pk)
    for t in ("ready", "sync", "leave", "ping", "mode.request"):
        assert line.ask(t, mic="on", c=1)["code"] == "bad_shape"
    assert not Call.objects.filter(consultation=house.ada.planned).exists()
    assert line.hello()["t"] == "welcome"


@pytest.mark.parametrize("shift", [timedelta(hours=3), -timedelta(hours=3)], ids=["too early", "too late"])
def test_hello_outside_the_time_to_join_is_closed(house: House, shift: timedelta) -> None:
    consultation = house.ada.planned
    times = {"starts_at": consultation.starts_at + shift, "ends_at": consultation.ends_at + shift}
    Consultation.objects.filter(pk=consultation.pk).update(**times)
    line = house.portal.line(house.ada.patient.user, consultation.pk)
    assert line.hello()["code"] == "closed"
    assert line.hears_until_closed() == 4410
    assert not Call.objects.filter(consultation=consultation).exists()


def test_hello_to_a_consultation_that_is_over_is_closed(house: House) -> None:
    line = house.portal.line(house.ada.patient.user, house.ada.held.pk)
    assert line.hello()["code"] == "closed"
    assert line.hears_until_closed() == 4410
    assert Call.objects.filter(consultation=house.ada.held).count() == 1


SHAPELESS = [
    {"tab": ""}, {"tab": 7}, {"tab": "x" * 65}, {"tab": "a\x00b"}, {"tab": "\ud800"}, {"tab": "t", "resume": "sid"},
     {"tab": "t", "resume": {"sid": 1, "last_seq": 0}}, {"tab": "t", "takeover": "yes"}, {"tab": "t", "caps": []},
]  # fmt: skip


def test_what_a_browser_can_record_is_a_short_list_of_words() -> None:
    assert is_caps({}) and is_caps({"rec": []}) and is_caps({"rec": ["video/webm;codecs=vp8,opus"]})
    for wrong in (
        [],
        "x",
        {"rec": "video/webm"},
        {"rec": [7]},
        {"rec": None},
        {"rec": ["x"] * 21},
        {"rec": ["x" * 101]},
    ):
        assert not is_caps(wrong), wrong


def test_a_hello_of_the_wrong_shape_changes_nothing(house: House) -> None:
    line = house.portal.line(house.ada.patient.user, house.ada.planned.pk)
    for body in SHAPELESS:
        line.say("hello", **body)
        assert line.hears("error")["code"] in {"bad_shape", "bad_json"}, body
    assert line.hello()["t"] == "welcome"
    line.catch_up()
    assert line.state()["seq"] == 1
