"""Which tab of a person is live: losing the line, reloading, a second tab, moving over, and processes that die."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from consultations import presence, realtime, tasks
from consultations.consumers import CallConsumer
from consultations.models import Participant
from tests.lines import SDP, House, Line, Room, calm, common_database, opened_house

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
A_MINUTE = timedelta(seconds=60)


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house


def comes_back(room: Room, line: Line, **body: object) -> tuple[Line, dict]:
    role = "patient" if room.place("patient").tab == line.tab else "clinician"
    again = room.portal.line(room.user(role), room.consultation.pk, tab=line.tab)
    return again, again.hello(**body)


def resume(line: Line) -> dict:
    return {"sid": line.sid, "last_seq": 1}


def away_since(room: Room, role: str, how_long: timedelta) -> None:
    Participant.objects.filter(pk=room.id_of(role)).update(disconnected_at=timezone.now() - how_long)


def test_a_line_that_comes_back_within_a_minute_keeps_its_sid_and_its_media(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    ada.drop()
    assert osei.hears("left")["participant"]["present"] is False
    away_since(room, "patient", A_MINUTE - timedelta(seconds=5))
    again, welcome = comes_back(room, ada, resume=resume(ada))
    assert (welcome["sid"], welcome["pair"]["gen"], welcome["pair"]["peer_sid"]) == (ada.sid, ada.gen, osei.sid)
    assert osei.hears("joined")["participant"]["present"] is True
    calm(again, osei)
    assert len(osei.said("pair")) == 1 and not again.said("pair")
    assert osei.ask("sig.offer", to=again.sid, gen=ada.gen, neg=2, sdp=SDP)["t"] == "ack"
    assert again.hears("sig.offer")["from"] == osei.sid
    for line in (again, osei):
        assert line.differences() == {}


def test_nothing_else_resumes(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    gen = ada.gen
    tries = [
        (A_MINUTE + timedelta(seconds=1), ada.tab, ada.sid),  # too late
        (timedelta(0), "another-tab", None),  # the right sid from another tab
        (timedelta(0), "another-tab", osei.sid),  # somebody else's sid
        (timedelta(0), "another-tab", "0" * 16),  # an invented one
    ]
    line = ada
    for away, tab, sid in tries:
        line.drop()
        away_since(room, "patient", away)
        last = line.sid
        line = house.portal.line(room.user("patient"), room.consultation.pk, tab=tab)
        welcome = line.hello(resume={"sid": sid or last, "last_seq": 1})
        gen += 1
        assert welcome["sid"] not in {last, osei.sid, "0" * 16}
        assert (welcome["pair"]["gen"], osei.hears("pair")["peer_sid"]) == (gen, welcome["sid"])
        assert osei.ask("sig.offer", to=last, gen=gen, neg=1, sdp=SDP)["code"] == "no_peer"


def test_a_reload_gets_a_new_sid_and_both_build_a_new_connection(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    again, welcome = comes_back(room, ada)
    assert welcome["sid"] != ada.sid and welcome["pair"]["gen"] == ada.gen + 1
    pair = osei.hears("pair")
    assert (pair["gen"], pair["peer_sid"], pair["impolite"]) == (ada.gen + 1, again.sid, True)
    assert ada.hears("replaced") and ada.hears_until_closed() == 4409
    held_back = {"to": osei.sid, "gen": ada.gen, "neg": 1, "sdp": SDP}
    assert again.ask("sig.answer", **held_back)["code"] == "stale_gen"
    assert not osei.said("sig.answer")


def test_who_reloads_while_the_other_is_away_is_paired_when_they_come_back(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    ada.drop()
    osei_again, _ = comes_back(room, osei)
    assert osei_again.heard[0]["pair"] is None
    ada_again, welcome = comes_back(room, ada, resume=resume(ada))
    assert welcome["sid"] == ada.sid
    assert (welcome["pair"]["gen"], welcome["pair"]["peer_sid"]) == (ada.gen + 1, osei_again.sid)
    pair = osei_again.hears("pair")
    assert (pair["gen"], pair["peer_sid"]) == (ada.gen + 1, ada.sid)
    assert ada_again.ask("sig.answer", to=osei_again.sid, gen=ada.gen + 1, neg=1, sdp=SDP)["t"] == "ack"


def test_a_second_tab_meets_a_conflict_and_hears_nothing(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    second = house.portal.line(room.user("patient"), room.consultation.pk)
    assert second.hello()["t"] == "conflict"
    seq = room.call.seq
    osei.ask("media.update", audio="off")
    assert second.ask("ready", mic="on")["code"] == "bad_shape"
    second.drop()
    calm(ada, osei)
    assert {frame["t"] for frame in second.heard} == {"conflict", "error"}
    assert (ada.closed, room.call.seq) == (None, seq + 1)
    assert room.place("patient").sid == ada.sid


def test_a_tab_that_takes_over_replaces_the_first_whose_last_words_have_no_effect(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    second = house.portal.line(room.user("patient"), room.consultation.pk)
    assert second.hello()["t"] == "conflict"
    assert second.hello(takeover=True)["t"] == "welcome"
    assert ada.hears("replaced") and ada.hears_until_closed() == 4409
    seq = room.call.seq
    for t in ("leave", "consent.decline"):
        ada.say(t)
    ada.drop()
    calm(second, osei)
    assert (room.call.seq, room.place("patient").sid) == (seq, second.sid)
    assert room.place("patient").is_present and not osei.said("left")
    assert osei.hears("pair")["peer_sid"] == second.sid


def test_a_replaced_tab_that_was_not_told_is_refused_and_closed(house: House, monkeypatch) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    with monkeypatch.context() as patch:
        patch.setattr(realtime, "_send", lambda *_: None)
        second = house.portal.line(room.user("patient"), room.consultation.pk)
        second.hello(takeover=True)
        ada.say("leave")
        assert ada.hears("replaced") and ada.hears_until_closed() == 4409
    assert room.place("patient").left_at is None
    assert second.ask("media.update", audio="off")["t"] == "ack"
    assert osei.hears("media")["participant"]["present"] is True


def test_another_person_cannot_take_over_ones_place(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, _ = room.begins()
    stranger = house.portal.line(house.ben.patient.user, room.consultation.pk, tab=ada.tab)
    stranger.say("hello", tab=ada.tab, takeover=True, resume=resume(ada))
    assert (stranger.hears_until_closed(), stranger.heard, ada.closed) == (4404, [], None)


def test_a_lost_line_shows_as_away_and_present_again(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    ada.drop()
    frame = osei.hears("left")
    left = frame["participant"]
    assert (left["id"], left["present"], left["admitted"]) == (room.id_of("patient"), False, True)
    assert frame["for_good"] is False, "the media may go on"
    assert room.place("patient").left_at is None
    comes_back(room, ada, resume=resume(ada))
    assert osei.hears("joined")["participant"]["present"] is True


def test_a_server_that_answers_a_tab_that_has_gone_still_notes_that_it_went(house: House, caplog) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    ada.is_gone = True  # the browser is away; its last words are still read, and no `disconnect` comes
    ada.say("media.update", audio="off")
    assert osei.hears("media")["participant"]["audio"] == "off"
    assert osei.hears("left")["participant"]["id"] == room.id_of("patient")
    assert ada.error is None and caplog.messages == []


def test_a_database_that_fails_while_a_socket_closes_leaves_the_rest_to_the_sweep(house: House, monkeypatch) -> None:
    room, other = Room(house.portal, house.ada), Room(house.portal, house.ben)
    ada, osei = room.begins()
    ben, _ = other.begins()

    def fails(*_: object, **__: object) -> None:
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(presence, "drop", fails)
        ada.drop()
    assert room.place("patient").is_present  # which is wrong, and found out
    tasks.sweep()
    assert room.place("patient").is_present
    silent = timezone.now() - presence.SILENT_AFTER - timedelta(seconds=1)
    Participant.objects.filter(pk=room.id_of("patient")).update(connected_at=silent)
    house.portal.do(tasks.sweep)
    assert osei.hears("left")["participant"]["id"] == room.id_of("patient")
    assert other.place("patient").is_present and ben.closed is None


def test_an_open_socket_says_that_it_is_there(house: House, monkeypatch) -> None:
    monkeypatch.setattr(CallConsumer, "reread_every_s", 0.2)
    room = Room(house.portal, house.ada)
    room.begins()
    silent = timezone.now() - timedelta(minutes=5)
    Participant.objects.filter(consultation=room.consultation).update(connected_at=silent)
    deadline = timezone.now() + timedelta(seconds=5)
    while room.place("patient").connected_at == silent and timezone.now() < deadline:
        pass
    tasks.sweep()
    assert room.place("patient").is_present


def test_a_socket_that_was_given_up_by_mistake_comes_back_by_itself(house: House, monkeypatch) -> None:
    monkeypatch.setattr(CallConsumer, "reread_every_s", 0.2)
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    away_since(room, "patient", timedelta(0))
    assert ada.hears_until_closed() == 4503
    again, welcome = comes_back(room, ada, resume=resume(ada))
    assert (welcome["sid"], again.differences()) == (ada.sid, {})
    assert osei.closed is None


def test_a_database_away_for_a_moment_stops_neither_the_socket_nor_its_reading(house: House, monkeypatch) -> None:
    monkeypatch.setattr(CallConsumer, "reread_every_s", 0.2)
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    real, fails = presence.hold, [True] * 2

    def sometimes(*given: object, **facts: object) -> bool:
        if fails:
            fails.pop()
            raise OperationalError
        return real(*given, **facts)

    monkeypatch.setattr(presence, "hold", sometimes)
    with monkeypatch.context() as patch:
        patch.setattr(realtime, "_send", lambda *_: None)
        ada.ask("media.update", audio="off")
        assert osei.hears("media")["participant"]["audio"] == "off"
    assert (fails, ada.closed, osei.closed) == ([], None, None)


def test_readiness_and_media_are_told_once(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.both()
    seq, waiting_at = room.call.seq, room.place("patient").waiting_at
    for _ in range(3):
        assert ada.ask("ready", mic="on")["t"] == "ack"
        assert ada.ask("media.update", audio="on", video="off")["t"] == "ack"
    assert (room.call.seq, room.place("patient").waiting_at) == (seq, waiting_at)
    assert ada.ask("ready", mic="denied")["t"] == "ack"
    assert osei.hears("waiting", audio="none")["participant"]["id"] == room.id_of("patient")


def test_a_new_connection_can_be_asked_for_once_in_ten_seconds(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    assert ada.ask("pc.reset", gen=ada.gen)["code"] == "rate"
    room.later(gen_changed_at=timezone.now() - presence.RESET_EVERY)
    assert ada.ask("pc.reset", gen=ada.gen + 1)["code"] == "stale_gen"
    assert ada.ask("pc.reset", gen=ada.gen)["t"] == "ack"
    assert {line.hears("pair")["gen"] for line in (ada, osei)} == {ada.gen + 1}
    assert osei.ask("pc.reset", gen=ada.gen)["code"] == "stale_gen"
