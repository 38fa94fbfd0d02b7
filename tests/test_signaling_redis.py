"""Two processes of the portal with Redis between them, and a Redis that dies in the middle of a call."""

import logging
import time
from collections.abc import Iterator

import pytest
from channels.layers import channel_layers
from django.utils import timezone

from consultations import calls, realtime
from consultations.consumers import CallConsumer
from consultations.hub import hub
from tests import services
from tests.lines import SDP, House, Room, common_database, consents, opened_house

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def redis(settings) -> Iterator[services.ExitStack]:
    """A Redis that a test may stop early by closing what it gets."""
    with services.ExitStack() as running:
        hosts = [{"address": running.enter_context(services.redis()), "socket_timeout": None}]
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": LAYER, "CONFIG": {"hosts": hosts}}}
        yield running


@pytest.fixture
def house(redis, monkeypatch) -> Iterator[House]:
    # No socket finds another in its own process: everything between two of them goes through Redis.
    monkeypatch.setattr(hub, "hand_over", lambda channel, frame: False)
    with opened_house() as house:
        yield house


def test_signals_and_events_reach_the_other_process_and_no_neighbour(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    ben, _ = Room(house.portal, house.ben).begins()
    ada.say("sig.offer", to=osei.sid, gen=ada.gen, neg=1, sdp=SDP)
    offer = {"v": 1, "t": "sig.offer", "from": ada.sid, "gen": ada.gen, "neg": 1, "sdp": SDP}
    assert osei.hears("sig.offer") == offer
    for number in range(40):
        osei.say("sig.cand", to=ada.sid, gen=ada.gen, neg=number, cs=[None])
    assert [ada.hears("sig.cand")["neg"] for _ in range(40)] == list(range(40))
    for line in (ada, osei):
        consents(line)
    assert osei.hears("rec.lease")["capture"] == "audio"
    second = house.portal.line(room.user("patient"), room.consultation.pk)
    second.hello(takeover=True)
    assert ada.hears("replaced") and ada.hears_until_closed() == 4409
    house.portal.do(osei.client.logout)
    assert osei.hears_until_closed(within_s=2) == 4401
    assert not ben.said("sig.offer") and not ben.said("rec.allowed") and ben.closed is None


def test_a_task_of_another_process_reaches_the_sockets(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    calls.end(room.call.pk, reason="lost", now=timezone.now())  # outside the portal's loop, as Celery does
    for line in (ada, osei):
        assert line.hears("ended")["reason"] == "lost"


def test_a_redis_that_dies_costs_no_socket_and_no_state(house: House, redis, monkeypatch, caplog) -> None:
    monkeypatch.setattr(CallConsumer, "reread_every_s", 0.5)
    caplog.set_level(logging.CRITICAL, logger="channels_redis.pubsub")  # it says once a second that it tries again
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    redis.close()
    slowest = 0.0
    for audio in ("off", "on", "interrupted"):
        began = time.monotonic()
        assert ada.ask("media.update", audio=audio)["t"] == "ack"
        slowest = max(slowest, time.monotonic() - began)
        assert osei.hears("media", audio=audio)
    assert slowest < 2 * realtime.PATIENCE_S + 0.5
    assert osei.ask("mode.request", want="video", epoch=1)["t"] == "ack"
    question = ada.hears("mode.asked")["question"]["id"]
    assert ada.ask("mode.answer", question=question, answer="accept")["t"] == "ack"
    for line in (ada, osei):
        assert line.hears("mode.changed")["mode"] == "video"
        line.catch_up()
        assert (line.closed, line.differences()) == (None, {})
    osei.client.logout()
    assert osei.hears_until_closed() == 4401
    ada.drop()
    assert not room.place("patient").is_present


def test_a_redis_that_comes_back_empty_is_used_again(house: House, redis, settings, caplog) -> None:
    caplog.set_level(logging.CRITICAL, logger="channels_redis.pubsub")
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    port = int(settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"][0]["address"].rsplit(":", 1)[1].split("/")[0])
    redis.close()
    original, services.free_port = services.free_port, lambda: port
    try:
        redis.enter_context(services.redis())
    finally:
        services.free_port = original
    heard = None
    for number in range(40):
        ada.ask("sig.cand", to=osei.sid, gen=ada.gen, neg=number, cs=[None])
        if heard := osei.said("sig.cand"):
            break
        time.sleep(0.1)
    assert heard and heard[0]["from"] == ada.sid
    ada.ask("media.update", audio="off")
    assert osei.hears("media", audio="off")
    assert channel_layers["default"] is not None
