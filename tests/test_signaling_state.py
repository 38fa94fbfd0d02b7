"""The state both people share: no gaps, the same for both, whatever the channel layer loses; and how a call ends."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from channels.layers import get_channel_layer
from django.utils import timezone

from consultations import calls, realtime, tasks
from consultations import hub as hubs
from consultations.consumers import CallConsumer
from consultations.models import CallEvent, Consultation, Participant
from tests.lines import House, Line, Room, calm, common_database, consents, opened_house

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
A_WHILE = timedelta(seconds=10)


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house


def switches(room: Room, asker: Line, other: Line) -> None:
    """Audio to video, with the dwell long over."""
    room.later(mode_changed_at=timezone.now() - A_WHILE)
    assert asker.ask("mode.request", want="video", epoch=room.call.epoch)["t"] == "ack"
    assert other.ask("mode.answer", question=room.call.question["id"], answer="accept")["t"] == "ack"


def goes_back(room: Room, line: Line) -> None:
    room.later(mode_changed_at=timezone.now() - A_WHILE)
    assert line.ask("mode.request", want="audio", epoch=room.call.epoch)["t"] == "ack"


def whole_call(room: Room) -> tuple[Line, Line]:
    """Everything that can happen in a call but its end."""
    ada, osei = room.begins()
    for line in (ada, osei):
        assert consents(line)["t"] == "ack"
    switches(room, osei, ada)
    for line in (ada, osei):
        assert line.ask("media.update", video="on")["t"] == "ack"
    goes_back(room, ada)
    ada.ask("media.update", audio="off")
    ada.ask("consent.withdraw")
    consents(ada, "audio")
    switches(room, ada, osei)
    osei.ask("media.update", video="interrupted")
    osei.ask("rec.fault", lease=osei.hears("rec.lease")["lease"], code="stalled")
    return ada, osei


def test_a_whole_call_has_no_gaps_and_everybody_ends_with_the_same_state(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = whole_call(room)
    for line in (ada, osei):
        line.catch_up()
        calm(ada, osei)
        assert line.seqs() == list(range(line.seqs()[0], room.call.seq + 1))
        assert line.differences() == {}
    assert list(room.call.events.order_by("seq").values_list("seq", flat=True)) == list(range(1, room.call.seq + 1))
    assert {p["video"] for p in ada.state()["participants"]} == {"interrupted", "off"}
    assert ada.state()["recording"]["capture"] == "audio"


def test_who_comes_late_or_reloads_finds_the_state_of_the_others(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = whole_call(room)
    ada.drop()
    again = house.portal.line(room.user("patient"), room.consultation.pk, tab=ada.tab)
    again.hello()
    goes_back(room, osei)
    calm(again, osei)
    for line in (again, osei):
        line.catch_up()
        assert line.differences() == {}
    assert again.state()["participants"] == osei.state()["participants"]
    assert again.state()["epoch"] == 5


def test_events_are_published_in_the_order_of_the_log(house: House, monkeypatch) -> None:
    told: list[int] = []
    real = realtime.publish_event
    monkeypatch.setattr(realtime, "publish_event", lambda event: (told.append(event.seq), real(event)))
    room = Room(house.portal, house.ada)
    ada, osei = whole_call(room)
    assert told == list(range(1, room.call.seq + 1))
    calm(ada, osei)
    for line in (ada, osei):
        assert line.seqs() == list(range(line.seqs()[0], told[-1] + 1))


def test_events_that_were_turned_round_on_their_way_arrive_in_order(house: House, monkeypatch) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    held: list = []
    with monkeypatch.context() as patch:
        patch.setattr(realtime, "publish_event", held.append)
        ada.ask("media.update", audio="off")
        ada.ask("media.update", audio="on")
        ada.ask("media.update", audio="interrupted")
    for event in reversed(held):
        house.portal.do(realtime.publish_event, event)
    calm(ada, osei)
    assert [f["participant"]["audio"] for f in osei.said("media")] == ["off", "on", "interrupted"]
    osei.state()


def test_an_event_the_channel_layer_lost_comes_with_the_next_one(house: House, monkeypatch) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    with monkeypatch.context() as patch:
        patch.setattr(realtime, "publish_event", lambda event: None)
        ada.ask("media.update", audio="off")
    assert not osei.said("media")
    ada.ask("media.update", audio="on")
    assert [osei.hears("media")["participant"]["audio"] for _ in range(2)] == ["off", "on"]
    assert osei.differences() == {}


def test_an_event_the_channel_layer_lost_comes_with_the_next_reading(house: House, monkeypatch) -> None:
    monkeypatch.setattr(CallConsumer, "reread_every_s", 0.3)
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    ben, _ = Room(house.portal, house.ben).begins()
    monkeypatch.setattr(realtime, "_send", lambda *_: None)
    ada.ask("media.update", audio="off")
    for line in (ada, osei):
        consents(line)
    assert osei.hears("media")["participant"]["audio"] == "off"
    lease = osei.hears("rec.lease")["lease"]
    assert osei.said("rec.status")[-1]["recording"]["state"] == "starting"
    ada.ask("consent.withdraw")
    assert osei.hears("rec.revoke")["lease"] == lease
    assert ada.hears("rec.status", state="stopped")["recording"]["capture"] is None
    assert not ben.said("media") and not ben.said("rec.revoke")


def test_a_full_channel_layer_loses_nothing_in_the_end(house: House, settings, monkeypatch) -> None:
    monkeypatch.setattr(CallConsumer, "reread_every_s", 0.3)
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 1}}
    }
    room = Room(house.portal, house.ada)
    ada, osei = whole_call(room)
    ada.ask("media.update", audio="interrupted")
    osei.catch_up()
    assert osei.state()["participants"] == osei.ask("sync")["snapshot"]["participants"]


def test_the_log_holds_ids_and_no_names(house: House) -> None:
    room = Room(house.portal, house.ada)
    whole_call(room)
    log = json.dumps(list(room.call.events.values_list("payload", flat=True)))
    for name in (room.side.patient.name, room.side.clinician.user.name, room.user("patient").email):
        assert name not in log
    assert room.id_of("patient") in log


def test_every_event_names_the_person_it_is_about(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, _ = whole_call(room)
    names = {room.id_of("patient"): room.side.patient.name, room.id_of("clinician"): room.side.clinician.display_name}
    told = [frame["participant"] for frame in ada.heard if "participant" in frame]
    assert len(told) > 8
    assert all(person["name"] == names[person["id"]] for person in told)


def test_a_slow_reader_slows_nobody_else_and_is_given_up(house: House, monkeypatch) -> None:
    monkeypatch.setattr(CallConsumer, "send_within_s", 1.0)
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    osei.stop_reading()
    sdp = "x" * 30_000
    answers = [ada.ask("sig.offer", to=osei.sid, gen=ada.gen, neg=number, sdp=sdp) for number in range(20)]
    # Each is answered; on a busy machine the last ones find that the reader was given up already.
    taken = [answer["t"] for answer in answers].count("ack")
    assert taken and [answer.get("code") for answer in answers[taken:]] == ["no_peer"] * (20 - taken)
    left = ada.hears("left")["participant"]
    assert (left["id"], left["present"]) == (room.id_of("clinician"), False)
    again = house.portal.line(room.user("clinician"), room.consultation.pk, tab=osei.tab)
    assert again.hello(resume={"sid": osei.sid, "last_seq": 1})["sid"] == osei.sid
    assert again.differences() == {}


def test_not_more_than_a_mebibyte_is_kept_for_a_slow_reader(house: House, monkeypatch) -> None:
    monkeypatch.setattr(hubs, "BURST", 10**6)
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    osei.stop_reading()
    answers = [ada.ask("sig.offer", to=osei.sid, gen=ada.gen, neg=n, sdp="x" * 32_000) for n in range(40)]
    assert ada.hears("left")["participant"]["id"] == room.id_of("clinician")
    taken = [answer["t"] for answer in answers].index("error")
    assert 32 <= taken < 40 and answers[-1]["code"] == "no_peer"


# Ending


def test_the_clinician_ends_the_call_for_both_and_completes_the_consultation(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    ben, haddad = Room(house.portal, house.ben).begins()
    stale = osei.ask("end", epoch=0)
    assert (stale["code"], stale["snapshot"]["epoch"], room.call.status) == ("stale_epoch", 1, "live")
    assert osei.ask("end", epoch=1)["t"] == "ack"
    for line in (ada, osei):
        ended = line.hears("ended")
        assert (ended["phase"], ended["epoch"], ended["reason"]) == ("ended", 2, "ended")
    assert (room.call.status, room.status) == ("ended", "completed")
    seq = room.call.seq
    for line, t, body in ((ada, "media.update", {"audio": "off"}), (osei, "end", {"epoch": 2})):
        assert line.ask(t, **body)["code"] == "closed"
        assert line.hears_until_closed() == 4410
    assert room.call.seq == seq
    assert house.portal.line(room.user("patient"), room.consultation.pk).hello()["code"] == "closed"
    assert not ben.said("ended") and haddad.ask("media.update", audio="off")["t"] == "ack"


def test_signals_are_refused_once_the_call_has_ended(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    osei.ask("end", epoch=1)
    assert ada.ask("pc.restart_please", to=osei.sid, gen=ada.gen)["code"] == "closed"
    assert not osei.said("pc.restart_please")


def test_a_socket_that_missed_the_end_is_told_and_closed(house: House, monkeypatch) -> None:
    monkeypatch.setattr(CallConsumer, "reread_every_s", 0.3)
    room = Room(house.portal, house.ada)
    ada, _ = room.begins()
    monkeypatch.setattr(realtime, "_send", lambda *_: None)
    calls.end(room.call.pk, reason="ended", now=timezone.now())
    assert ada.hears("ended")["reason"] == "ended"
    assert ada.hears_until_closed() == 4410


def test_a_patient_who_leaves_ends_nothing(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    assert ada.ask("leave")["t"] == "ack"
    assert ada.hears_until_closed() == 1000
    assert osei.hears("left")["participant"] == osei.state()["participants"][1]
    calm(osei)
    assert (room.call.status, room.status, osei.closed) == ("live", "in_progress", None)
    back = room.enters("patient")
    assert back.heard[0]["pair"]["gen"] == osei.hears("pair")["gen"] == 2


def test_the_sweep_ends_a_call_that_everybody_lost_and_no_other(house: House) -> None:
    lost, held = Room(house.portal, house.ada), Room(house.portal, house.ben)
    for line in lost.begins():
        line.drop()
    ben, haddad = held.begins()
    haddad.drop()
    long_ago = timezone.now() - calls.LOST_AFTER - timedelta(seconds=1)
    tasks.sweep()
    assert (lost.call.status, held.call.status) == ("live", "live")
    Participant.objects.exclude(disconnected_at=None).update(disconnected_at=long_ago)
    tasks.sweep()
    assert (lost.call.status, lost.call.end_reason, lost.status) == ("ended", "lost", "completed")
    assert (held.call.status, held.status, ben.closed) == ("live", "in_progress", None)


def test_the_sweep_ends_a_waiting_room_that_nobody_will_use(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada = room.enters("patient")
    past = timezone.now() - timedelta(hours=3)
    Consultation.objects.filter(pk=room.consultation.pk).update(starts_at=past, ends_at=past + timedelta(minutes=15))
    tasks.sweep()
    assert room.call.status == "live"
    ada.drop()
    tasks.sweep()
    assert (room.call.status, room.call.end_reason, room.status) == ("ended", "not_started", "planned")


def test_one_call_that_cannot_be_ended_does_not_keep_the_sweep_from_the_others(house: House) -> None:
    rooms = [Room(house.portal, side) for side in (house.ada, house.ben)]
    for room in rooms:
        for line in room.begins():
            line.drop()
    Participant.objects.exclude(disconnected_at=None).update(disconnected_at=timezone.now() - timedelta(hours=1))
    stuck, other = sorted(rooms, key=lambda room: str(room.call.pk))
    Consultation.objects.filter(pk=stuck.consultation.pk).update(status="completed", ended_at=timezone.now())
    tasks.sweep()
    assert (stuck.call.status, other.call.status) == ("live", "ended")


# The channel layer from everywhere


def test_publishing_works_inside_and_outside_an_event_loop(house: House, caplog) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    frame = {"t": "rec.status", "recording": {"state": "off"}}
    house.portal.do(realtime.publish, room.call, frame)
    assert ada.hears("rec.status") and osei.hears("rec.status")
    realtime.publish(room.call, frame)  # as Celery does, on a loop of its own
    call, channel = room.call, room.place("patient").channel

    async def on_the_loop_itself() -> None:
        realtime.publish(call, frame)
        realtime.tell(channel, frame)

    with pytest.raises(AssertionError):
        assert caplog.messages
    asyncio.run(on_the_loop_itself())
    assert caplog.messages == ["a message to the channel layer was left out"] * 2


@pytest.mark.parametrize("error", [ConnectionError, TypeError])
def test_a_broken_channel_layer_undoes_nothing_and_breaks_nobody(house: House, error: type, monkeypatch) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()

    async def fails(*_: object) -> None:
        raise error

    for verb in ("send", "group_send", "group_add", "group_discard"):
        monkeypatch.setattr(get_channel_layer(), verb, fails)
    assert ada.ask("media.update", audio="off")["t"] == "ack"
    assert (room.place("patient").audio, ada.closed) == ("off", None)
    late = room.enters("patient", takeover=True)
    assert late.heard[0]["snapshot"]["participants"][1]["audio"] == "off"
    late.drop()
    assert room.place("patient").disconnected_at
    assert CallEvent.objects.filter(call=room.call, kind="left").exists()
