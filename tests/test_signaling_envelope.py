"""What a frame may look like: nothing malformed has an effect, stops the socket or reaches the other person."""

import json
import random
from collections.abc import Iterator
from uuid import uuid4

import pytest

from audit.ledger import LedgerUnavailable
from consultations import consents as service
from consultations import hub as hubs
from consultations import protocol
from consultations.calls import Refused
from consultations.consumers import CallConsumer
from consultations.models import CallEvent, Participant
from tests.lines import SDP, House, Room, calm, common_database, consents, opened_house

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
DEEP = "[" * 5000 + "]" * 5000


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house


def frame(**facts: object) -> str:
    return json.dumps({"v": 1, "t": "media.update", "id": "x"} | facts)


NOT_JSON = [
    "", "{", "nonsense", '{"v":1,"t":"ping","id":"x","c":NaN}', '{"v":1,"t":"ping","id":"x","c":-Infinity}',
    '{"v":1,"t":"ping","id":"x","c":1e999}', '{"v":1,"t":"ping","id":"x","c":' + "9" * 30 + "}",
    '{"v":1,"t":"ping","id":"x","c":' + "9" * 400 + "}", '{"v":1,"t":"ping","id":"x","c":' + "9" * 5000 + "}",
    '{"v":1,"t":"ping","id":"\\ud800","c":1}', '{"v":1,"t":"ping","id":"x","c":1}{}', DEEP,
]  # fmt: skip
NO_MESSAGE = [
    "null", "[]", '"ping"', "17", "{}", frame(v=2), frame(v="1"), frame(t=None), frame(t=7), frame(t=""),
    frame(t="x" * 33), frame(t="sync\n"), frame(id=None), frame(id=1), frame(id=""), frame(id="x" * 65), frame(id={}),
    frame(id="a b"), frame(id="\u0000"), frame(audio={"a": {"a": {"a": {"a": {"a": {}}}}}}),
]  # fmt: skip


@pytest.mark.parametrize("raw", NOT_JSON)
def test_what_is_not_strict_json_is_refused(raw: str) -> None:
    with pytest.raises(Refused, match="bad_json"):
        protocol.parse(raw)


@pytest.mark.parametrize("raw", NO_MESSAGE)
def test_what_is_no_message_is_refused(raw: str) -> None:
    with pytest.raises(Refused, match="bad_shape"):
        protocol.parse(raw)


def test_numbers_up_to_what_a_browser_can_hold_are_read_as_they_are() -> None:
    for number in (0, -1, 1.5, 2**53 - 1, -(2**53 - 1)):
        assert protocol.parse(frame(c=number))["c"] == number


def test_bad_frames_are_answered_and_harm_neither_the_call_nor_the_neighbour(house: House) -> None:
    ada, osei = Room(house.portal, house.ada).begins()
    ben = Room(house.portal, house.ben).enters("patient")
    seq = Room(house.portal, house.ada).call.seq
    for raw in ("{", frame(v=2), frame(t="no.such.thing"), frame(audio="loud", video=[])):
        ada.throw(raw)
        assert ada.hears("error")["code"] in {"bad_json", "bad_shape", "unknown_type"}
    calm(ada, osei, ben)
    assert Room(house.portal, house.ada).call.seq == seq
    assert ada.ask("media.update", audio="off")["t"] == "ack"
    assert osei.hears("media")["participant"]["audio"] == "off"
    assert not ben.said("media") and not ben.said("error")


def test_ten_bad_frames_close_the_socket_and_ten_refusals_do_not(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    for _ in range(10):
        osei.throw("{")
    assert osei.hears_until_closed() == 4429
    assert len(osei.said("error")) == 10
    for _ in range(10):
        assert ada.ask("end", epoch=1)["code"] == "forbidden"
    ada.throw("{")
    assert ada.hears("error") and ada.ask("sync")["t"] == "snapshot"


def test_a_frame_of_64_kib_is_read_and_one_byte_more_closes_the_socket(house: House) -> None:
    ada = Room(house.portal, house.ada).enters("patient")
    empty = len(frame(t="sync", id="big", padding=""))
    ada.throw(frame(t="sync", id="big", padding="x" * (protocol.FRAME_LIMIT_BYTES - empty)))
    assert ada.hears("snapshot")["id"] == "big"
    ada.throw(frame(t="leave", id="bigger", padding="x" * (protocol.FRAME_LIMIT_BYTES - empty)))
    ada.say("leave")  # read by the server before it saw the close
    assert ada.hears_until_closed() == 4413
    ada.drop()
    assert Participant.objects.get(pk=Room(house.portal, house.ada).id_of("patient")).left_at is None


def test_a_frame_is_measured_in_bytes_and_must_be_text(house: House) -> None:
    ada, osei = Room(house.portal, house.ada).both()
    ada.throw("\u00e9" * (protocol.FRAME_LIMIT_BYTES // 2 + 1))
    osei.throw(b'{"v":1,"t":"sync","id":"x"}')
    assert (ada.hears_until_closed(), osei.hears_until_closed()) == (4413, 4413)


def test_a_flood_closes_the_socket_and_what_follows_has_no_effect(house: House, monkeypatch) -> None:
    monkeypatch.setattr(hubs, "RATE_PER_S", 0)
    monkeypatch.setattr(hubs, "BURST", 60)
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    for number in range(70):
        ada.say("sync", f"flood-{number}")
    ada.say("leave")
    assert ada.hears_until_closed() == 4429
    assert osei.hears("left")["participant"]["present"] is False
    assert room.place("patient").left_at is None
    assert osei.ask("sync")["t"] == "snapshot"


def test_reconnecting_refills_no_allowance(house: House, monkeypatch) -> None:
    monkeypatch.setattr(hubs, "RATE_PER_S", 0)
    monkeypatch.setattr(hubs, "BURST", 60)
    room = Room(house.portal, house.ada)
    ada = room.enters("patient")
    for number in range(70):
        ada.say("sync", f"flood-{number}")
    assert ada.hears_until_closed() == 4429
    again = house.portal.line(room.user("patient"), room.consultation.pk, tab=ada.tab)
    again.say("hello", tab=ada.tab)
    assert again.hears_until_closed() == 4429
    ben = Room(house.portal, house.ben).enters("patient")
    assert ben.closed is None


def test_a_burst_of_candidates_passes(house: House) -> None:
    ada, osei = Room(house.portal, house.ada).begins()
    candidate = {"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}
    for _ in range(60):
        ada.say("sig.cand", to=osei.sid, gen=ada.gen, neg=1, cs=[candidate, None])
    calm(ada, osei)
    assert (len(osei.said("sig.cand")), ada.closed) == (60, None)


def test_two_hundred_candidates_are_passed_on_for_one_description_and_no_more(house: House) -> None:
    ada, osei = Room(house.portal, house.ada).begins()
    candidate = {"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}
    said = {"to": osei.sid, "gen": ada.gen, "neg": 1, "cs": [candidate] * 20}
    answers = [ada.ask("sig.cand", **said) for _ in range(11)]
    assert [answer["t"] for answer in answers] == ["ack"] * 10 + ["error"] and answers[-1]["code"] == "rate"
    calm(ada, osei)
    assert len(osei.said("sig.cand")) == 10
    assert osei.ask("sig.cand", **(said | {"to": ada.sid}))["t"] == "ack"
    restarted = {"to": osei.sid, "gen": ada.gen, "neg": 2, "sdp": "v=0"}
    assert [ada.ask("sig.answer", **restarted)["t"], ada.ask("sig.cand", **said)["t"]] == ["ack", "ack"]


def test_nobody_opens_many_sockets_and_a_closed_one_makes_room(house: House, monkeypatch) -> None:
    monkeypatch.setattr(CallConsumer, "hello_within_s", 60)
    room = Room(house.portal, house.ada)
    ada = room.enters("patient")
    more = [house.portal.line(room.user("patient"), room.consultation.pk) for _ in range(hubs.SOCKETS_OF_ONE)]
    for line in more[:-1]:
        assert line.ask("sync")["code"] == "bad_shape"  # open, and asked to say hello
    assert more[-1].hears_until_closed() == 4429
    osei = room.enters("clinician")
    more[0].drop()
    again = house.portal.line(room.user("patient"), room.consultation.pk)
    assert again.ask("sync")["code"] == "bad_shape"
    assert (ada.closed, osei.closed) == (None, None)
    for line in (*more, again):
        line.drop()


def test_a_consultation_has_room_for_twelve_sockets_however_many_people_hold_them() -> None:
    hub, consultation, people = hubs.Hub(), uuid4(), [uuid4() for _ in range(4)]
    places = [(f"{person}-{n}", consultation, person) for n in range(4) for person in people]
    assert [hub.has_room(*place) for place in places] == [True] * hubs.SOCKETS_OF_ALL + [False] * 4
    assert hub.has_room("elsewhere", uuid4(), people[0])
    hub.discard(places[0][0])
    assert hub.has_room(*places[-1])


def test_an_allowance_fills_again_with_time() -> None:
    now = 0.0
    allowance = hubs.Allowance(lambda: now)
    assert allowance.take(hubs.BURST) and not allowance.take(1)
    now = 0.5
    assert allowance.take(hubs.RATE_PER_S / 2) and not allowance.take(1)
    now = 3600.0
    assert allowance.take(hubs.BURST) and not allowance.take(1)


def test_a_request_said_twice_has_one_effect_and_one_answer(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    first = osei.ask("mode.request", "same", want="video", epoch=1)
    question = ada.hears("mode.asked")["question"]["id"]
    assert ada.ask("mode.answer", question=question, answer="decline")["t"] == "ack"
    assert osei.ask("mode.request", "same", want="video", epoch=1) == first
    calm(ada, osei)
    assert len(ada.said("mode.asked")) == 1
    refused = ada.ask("mode.request", "late", want="video", epoch=0)
    osei.ask("media.update", audio="off")
    assert ada.ask("mode.request", "late", want="video", epoch=0) == refused
    assert ada.ask("mode.request", "same", want="video", epoch=1)["t"] == "ack"
    assert osei.hears("mode.asked")


def test_a_resumed_line_gets_the_answer_it_missed(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, _ = room.begins()
    ada.ask("media.update", "c-lost", audio="off")
    ada.drop()
    seq = room.call.seq
    again = house.portal.line(room.user("patient"), room.consultation.pk, tab=ada.tab)
    again.hello(resume={"sid": ada.sid, "last_seq": 1})
    assert again.ask("media.update", "c-lost", audio="on") == {"v": 1, "t": "ack", "id": "c-lost"}
    assert room.place("patient").audio == "off"
    assert room.call.seq == seq + 1  # joined; nothing about the microphone


def test_nothing_is_written_when_half_of_a_message_is_wrong(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, _ = room.begins()
    seq = room.call.seq
    for body in ({"audio": "off", "video": "loud"}, {"audio": "off", "video": "on"}):
        assert ada.ask("media.update", **body)["code"] in {"bad_shape", "forbidden"}
    assert (room.place("patient").audio, room.call.seq) == ("on", seq)


def test_a_fault_of_our_own_closes_the_socket_and_tells_nothing_of_what_was_said(
    house: House, monkeypatch, caplog
) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    words = room.side.patient.name

    def fails(*_: object, **__: object) -> None:
        raise KeyError(words)

    monkeypatch.setattr("consultations.presence.update_media", fails)
    ada.say("media.update", audio="off")
    assert ada.hears_until_closed() == 1011
    assert osei.hears("left")["participant"]["id"] == room.id_of("patient")
    assert "KeyError" in caplog.text and words not in caplog.text


def test_a_busy_database_or_ledger_is_said_and_can_be_tried_again(house: House, monkeypatch) -> None:
    ada = Room(house.portal, house.ada).enters("patient")

    def unavailable(*_: object) -> None:
        raise LedgerUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(service, "_log", unavailable)
        assert consents(ada)["code"] == "busy"
        assert Participant.objects.get(pk=Room(house.portal, house.ada).id_of("patient")).recording == "unasked"
    assert consents(ada)["t"] == "ack"


def anything(dice: random.Random, depth: int = 0) -> object:
    """Return any JSON value, odd ones often."""
    plain = [None, True, 0, -1, 2**31, 2**53, 1e308, 0.5, "", "x", "on", "audio", "\u0000", "\U0001f600", "x" * 2000]
    kind = dice.randrange(6) if depth < 4 else 0
    if kind == 4:
        return [anything(dice, depth + 1) for _ in range(dice.randrange(4))]
    if kind == 5:
        return {dice.choice(["to", "gen", "cs", "sdp", "__proto__", "v"]): anything(dice, depth + 1) for _ in range(3)}
    return dice.choice(plain)


def fuzzed(dice: random.Random, number: int, known: dict[str, object]) -> str:
    """Return a frame: right in most places, odd in some, sometimes with keys twice or bytes damaged."""
    t = dice.choice([*protocol.MESSAGES, "hello", "pair", "welcome", "_close", "call.frame", "leave.", "constructor"])
    if t in {"leave", "end"}:  # these may rightly end the call
        t = "mode.request"
    message = {"v": 1, "t": t, "id": f"f-{number}"}
    fields = protocol.MESSAGES[t].fields if t in protocol.MESSAGES else {"tab": None}
    for name in [*fields, "from", "seq", "participant"]:
        key = name.removesuffix("?")
        if dice.random() < 0.85:
            message[key] = known[key] if key in known and dice.random() < 0.6 else anything(dice)
    if dice.random() < 0.08:
        message[dice.choice(["v", "t", "id"])] = anything(dice)
    raw = json.dumps(message)
    if dice.random() < 0.1:
        raw = raw[:-1] + ',"t":"sync","id":"twice","v":1}'
    if dice.random() < 0.1:
        at = dice.randrange(len(raw))
        raw = raw[:at] + dice.choice(['"', "{", "\\u", "NaN", "9" * 400]) + raw[at + 1 :]
    return raw


def test_five_hundred_fuzzed_frames_leave_the_call_sane(house: House, monkeypatch) -> None:
    monkeypatch.setattr(hubs, "BURST", 10**9)
    monkeypatch.setattr("consultations.consumers.BAD_FRAMES_MOST", 10**9)
    hubs.hub.__init__()  # type: ignore[misc]
    room, other = Room(house.portal, house.ada), Room(house.portal, house.ben)
    ada, osei = room.begins()
    ben, _ = other.begins()
    before, heard = CallEvent.objects.filter(call=other.call).count(), len(ben.heard)
    dice = random.Random(20260731)
    known = {
        "to": osei.sid, "gen": ada.gen, "neg": 1, "sdp": SDP, "cs": [None], "epoch": 1, "want": "video", "mic": "on",
        "audio": "off", "c": 1, "participant": room.id_of("patient"), "answer": "accept", "scope": "audio",
    }  # fmt: skip
    for number in range(500):
        ada.throw(fuzzed(dice, number, known))
    ada.ask("sync")
    calm(ada, osei)
    assert (ada.closed, osei.closed, ada.error, osei.error) == (None, None, None, None)
    assert len(ada.said("error")) > 200
    for line in (ada, osei):
        line.catch_up()
        assert line.differences() == {}
    assert all(f["from"] == ada.sid for f in osei.heard if f["t"].startswith(("sig.", "pc.")))
    assert (CallEvent.objects.filter(call=other.call).count(), len(ben.heard)) == (before, heard)
    assert room.status == "in_progress"
