"""Who may say what to whom, and how soon a right that is gone stops working."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Iterator

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.contrib.sessions.models import Session

from accounts.models import User
from consultations import policy
from consultations.consumers import CallConsumer
from consultations.models import Call, CallEvent, Participant, RecordingConsent
from consultations.realtime import call_group, session_group, user_group
from patients.models import Clinician
from recordings.models import RecorderLease
from tests.lines import SDP, House, Line, Room, calm, common_database, consents, opened_house, session_of

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
CANDIDATE = {"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "u"}


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house


def frozen(room: Room) -> tuple:
    """Everything a refused message must leave as it was."""
    people = room.consultation.participants.order_by("role")
    facts = people.values_list("admitted_at", "left_at", "recording", "audio", "video", "sid")
    return Call.objects.filter(consultation=room.consultation).values().get(), list(facts), room.status


@pytest.mark.parametrize(
    ("t", "body"),
    [("admit", {"participant": "PATIENT"}), ("admit", {"participant": "CLINICIAN"}), ("end", {"epoch": 0}),
     ("end", {"epoch": 1})],
)  # fmt: skip
def test_a_patient_neither_admits_nor_ends(house: House, t: str, body: dict) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.both()
    before = frozen(room)
    body = {name: room.id_of(value.lower()) if isinstance(value, str) else value for name, value in body.items()}
    assert ada.ask(t, **body)["code"] == "forbidden"
    assert frozen(room) == before
    assert osei.ask("admit", participant=room.id_of("patient"))["t"] == "ack"
    assert ada.ask("end", epoch=room.call.epoch)["code"] == "forbidden"
    assert room.status == "in_progress"


def test_a_clinician_admits_only_who_is_there_and_waits_in_this_very_consultation(house: House) -> None:
    room, other = Room(house.portal, house.ada), Room(house.portal, house.ben)
    osei, ben = room.enters("clinician"), other.enters("patient")
    before = frozen(room)
    for nobody in (other.id_of("patient"), room.id_of("patient"), room.id_of("clinician"), str(uuid.uuid4())):
        assert osei.ask("admit", participant=nobody)["code"] == "no_peer"
    assert osei.ask("end", epoch=0)["code"] == "not_admitted"
    assert frozen(room) == before and not ben.said("admitted")
    ada = room.enters("patient")
    ada.drop()
    assert osei.ask("admit", participant=room.id_of("patient"))["code"] == "no_peer"
    room.enters("patient")
    assert osei.ask("admit", participant=room.id_of("patient"))["t"] == "ack"


def test_nobody_enters_twice(house: House) -> None:
    room = Room(house.portal, house.ada)
    _, osei = room.begins()
    seq = room.call.seq
    assert osei.ask("admit", participant=room.id_of("patient"))["t"] == "ack"
    assert room.call.seq == seq


SIGNALS = {
    "sig.offer": {"neg": 1, "sdp": SDP}, "sig.answer": {"neg": 1, "sdp": SDP}, "sig.cand": {"neg": 1, "cs": [None]},
    "pc.restart_please": {},
}  # fmt: skip


def test_signals_pass_between_two_admitted_people_and_nobody_else(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.both()
    ben, haddad = Room(house.portal, house.ben).begins()
    for t, body in SIGNALS.items():
        assert ada.ask(t, to=osei.sid, gen=0, **body)["code"] == "not_admitted"
    osei.ask("admit", participant=room.id_of("patient"))
    gen = ada.hears("pair")["gen"]
    for t, body in SIGNALS.items():
        assert ada.ask(t, to=osei.sid, gen=gen, **body)["t"] == "ack"
        assert osei.hears(t) == {"v": 1, "t": t, "from": ada.sid, "gen": gen, **body}
        for stranger in (ben.sid, haddad.sid, ada.sid, "0" * 16):
            assert ada.ask(t, to=stranger, gen=gen, **body)["code"] == "no_peer"
        for stale in (gen - 1, gen + 1):
            assert ada.ask(t, to=osei.sid, gen=stale, **body)["code"] == "stale_gen"
    calm(ada, osei, ben, haddad)
    assert [[len(line.said(t)) for line in (ada, osei, ben, haddad)] for t in SIGNALS] == [[0, 1, 0, 0]] * 4


def test_the_sender_is_ours_to_say_and_unknown_keys_are_dropped(house: House) -> None:
    ada, osei = Room(house.portal, house.ada).begins()
    forged = {"from": osei.sid, "seq": 1, "epoch": 99, "participant": "x", "extra": {"deep": 1}}
    candidate = CANDIDATE | {"relayed": "whatever", "__proto__": {"x": 1}}
    ada.say("sig.cand", to=osei.sid, gen=ada.gen, neg=1, cs=[candidate, None], **forged)
    told = {"v": 1, "t": "sig.cand", "from": ada.sid, "gen": ada.gen, "neg": 1, "cs": [CANDIDATE, None]}
    assert osei.hears("sig.cand") == told
    ada.say("pc.restart_please", to=osei.sid, gen=ada.gen, sdp={"not": "checked"}, cs="x" * 60_000, neg=[], **forged)
    assert osei.hears("pc.restart_please") == {"v": 1, "t": "pc.restart_please", "from": ada.sid, "gen": ada.gen}


WRONG = [
    {"neg": 1, "cs": []}, {"neg": 1, "cs": [None] * 21}, {"neg": 1, "cs": [{"candidate": "x" * 1100}]},
    {"neg": 1, "cs": [{"candidate": 7}]}, {"neg": 1, "cs": ["x"]}, {"neg": True, "cs": [None]},
    {"neg": -1, "cs": [None]}, {"neg": 1.5, "cs": [None]}, {"neg": 2**31, "cs": [None]},
]  # fmt: skip


def test_signals_of_the_wrong_shape_are_not_passed_on(house: House) -> None:
    ada, osei = Room(house.portal, house.ada).begins()
    for body in WRONG:
        assert ada.ask("sig.cand", to=osei.sid, gen=ada.gen, **body)["code"] == "bad_shape"
    osei.ask("sync")
    ada = Room(house.portal, house.ada).enters("patient", tab=ada.tab)
    ada.gen = osei.hears("pair")["gen"]
    assert ada.ask("sig.offer", to=osei.sid, gen=ada.gen, neg=1, sdp="x" * (32 * 1024 + 1))["code"] == "bad_shape"
    assert ada.ask("sig.offer", to=osei.sid, gen=ada.gen, neg=1, sdp="x" * (32 * 1024))["t"] == "ack"
    assert osei.hears("sig.offer")
    assert not osei.said("sig.cand")


def test_only_the_holder_of_the_lease_beats_or_reports_a_fault(house: House) -> None:
    room, other = Room(house.portal, house.ada), Room(house.portal, house.ben)
    (ada, osei), others = room.begins(), other.begins()
    for line in (ada, osei, *others):
        consents(line)
    own, foreign = (str(RecorderLease.objects.get(recording__call=one.call).pk) for one in (room, other))
    beat = {"segment": str(uuid.uuid4()), "made": 1, "acked": 1}
    expires = dict(RecorderLease.objects.values_list("pk", "expires_at"))
    for line, lease in ((ada, own), (ada, foreign), (osei, foreign), (osei, str(uuid.uuid4()))):
        assert line.ask("rec.beat", lease=lease, **beat)["code"] == "no_lease"
        assert line.ask("rec.fault", lease=lease, code="x")["code"] == "no_lease"
    assert dict(RecorderLease.objects.values_list("pk", "expires_at")) == expires
    assert not CallEvent.objects.filter(call__in=(room.call, other.call), kind="rec.fault").exists()
    assert osei.ask("rec.beat", lease=own, **beat)["t"] == "ack"
    assert osei.ask("rec.fault", lease=own, code="two\nlines")["code"] == "bad_shape"
    assert osei.ask("rec.fault", lease=own, code="stalled")["t"] == "ack"
    fault = CallEvent.objects.get(call=room.call, kind="rec.fault")
    assert fault.payload == {"lease": own, "code": "stalled"}


def test_two_consultations_at_once_hear_nothing_of_each_other(house: House) -> None:
    rooms = [Room(house.portal, side) for side in (house.ada, house.ben)]
    lines = [room.begins() for room in rooms]
    for (patient, clinician), room in zip(lines, rooms, strict=True):
        clinician.ask("mode.request", want="video", epoch=1)
        patient.ask("mode.answer", question=patient.hears("mode.asked")["question"]["id"], answer="accept")
        patient.ask("sig.offer", to=clinician.sid, gen=patient.gen, neg=1, sdp=SDP + str(room.consultation.pk))
        clinician.hears("sig.offer")
    calm(*lines[0], *lines[1])
    for pair, room, neighbour in zip(lines, rooms, reversed(rooms), strict=True):
        own = {str(x) for x in [room.id_of("patient"), room.id_of("clinician"), room.call.pk, room.consultation.pk]}
        foreign = {str(x) for x in [neighbour.id_of("patient"), neighbour.id_of("clinician"), neighbour.call.pk]}
        foreign |= {str(neighbour.consultation.pk), neighbour.side.patient.name, neighbour.side.clinician.display_name}
        for line in pair:
            everything = str(line.heard)
            assert not {word for word in foreign if word in everything}
            assert {word for word in own if word in everything} >= {room.id_of("patient"), str(room.call.pk)}


# Rights end


def signs_out(line: Line, room: Room) -> None:
    line.client.logout()


def session_goes(line: Line, room: Room) -> None:
    Session.objects.get(session_key=line.client.session.session_key).delete()


def account_closes(line: Line, room: Room) -> None:
    user = User.objects.get(pk=line.client.session["_auth_user_id"])
    user.is_active = False
    user.save()


def password_changes(line: Line, room: Room) -> None:
    user = User.objects.get(pk=line.client.session["_auth_user_id"])
    user.set_password("another long sentence")
    user.save(update_fields=["password"])


def grant_goes(line: Line, room: Room) -> None:
    places = Participant.objects.filter(consultation=room.consultation)
    policy.revoke_place(places.get(user=line.client.session["_auth_user_id"]))


def clinician_leaves_the_practice(line: Line, room: Room) -> None:
    clinician = Clinician.objects.get(user=line.client.session["_auth_user_id"])
    clinician.is_active = False
    clinician.save()


ENDINGS = [
    (signs_out, 4401), (session_goes, 4401), (account_closes, 4401), (password_changes, 4401), (grant_goes, 4404),
    (clinician_leaves_the_practice, 4404),
]  # fmt: skip
NAMES = [ending.__name__ for ending, _ in ENDINGS]
EVERY_ENDING = pytest.mark.parametrize(("ending", "code"), ENDINGS, ids=NAMES)
SOME_ENDINGS = pytest.mark.parametrize(("ending", "code"), ENDINGS[3:5], ids=NAMES[3:5])


@contextlib.contextmanager
def deaf(monkeypatch) -> Iterator[None]:
    """Lose everything that goes to the channel layer."""
    with monkeypatch.context() as patch:
        patch.setattr("consultations.realtime._send", lambda *_: None)
        yield


def test_every_socket_reads_its_rights_anew_within_ten_seconds() -> None:
    """The tests below shorten it, so that they need not wait."""
    assert CallConsumer.reread_every_s <= 10


@EVERY_ENDING
def test_a_lost_right_closes_the_socket_at_once(house: House, ending: Callable, code: int) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    ben, _ = Room(house.portal, house.ben).begins()
    house.portal.do(ending, osei, room)
    assert osei.hears_until_closed(within_s=2) == code
    left = ada.hears("left")
    assert (left["participant"]["present"], left["for_good"]) == (False, True)
    calm(ada, ben)
    assert (ada.closed, ben.closed) == (None, None)


@SOME_ENDINGS
def test_a_lost_right_refuses_the_next_message_if_nobody_rang(
    house: House, ending: Callable, code: int, monkeypatch
) -> None:
    room = Room(house.portal, house.ada)
    _, osei = room.begins()
    with deaf(monkeypatch):
        house.portal.do(ending, osei, room)
        assert osei.hears_until_closed(within_s=0.2) is None
        request = osei.say("end", epoch=1)
        assert osei.hears_until_closed() == code
    assert (room.status, room.call.status) == ("in_progress", "live")
    assert osei.heard[-1].get("id") != request


@EVERY_ENDING
def test_a_lost_right_closes_a_silent_socket_at_the_next_reading(
    house: House, ending: Callable, code: int, monkeypatch
) -> None:
    monkeypatch.setattr(CallConsumer, "reread_every_s", 0.3)
    room = Room(house.portal, house.ada)
    _, osei = room.begins()
    with deaf(monkeypatch):
        house.portal.do(ending, osei, room)
        assert osei.hears_until_closed(within_s=4) == code


def test_an_answer_kept_for_a_repeated_request_needs_the_right_too(house: House, monkeypatch) -> None:
    room = Room(house.portal, house.ada)
    ada, _ = room.begins()
    ada.ask("media.update", "kept", audio="off")
    with deaf(monkeypatch):
        house.portal.do(signs_out, ada, room)
        ada.say("media.update", "kept", audio="off")
        assert ada.hears_until_closed() == 4401
    assert len([frame for frame in ada.heard if frame.get("id") == "kept"]) == 1


def test_signing_out_elsewhere_leaves_this_session_alone(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, _ = room.begins()
    house.portal.do(session_of(room.user("patient")).logout)
    calm(ada)
    assert ada.closed is None


def test_a_forged_doorbell_closes_nobody_and_changes_nothing(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    before = frozen(room)

    async def forge() -> None:
        layer = get_channel_layer()
        for group in (call_group(room.consultation.pk), user_group(room.user("patient").pk)):
            await layer.group_send(group, {"type": "look.again"})
        await asyncio.sleep(0)

    house.portal.run(forge())
    calm(ada, osei)
    assert (ada.closed, osei.closed, frozen(room)) == (None, None, before)


def test_group_names_are_ours_and_hold_no_session_key() -> None:
    key = "a secret session key \u00e9/../!"
    for name in (call_group(uuid.uuid4()), user_group(uuid.uuid4()), session_group(key)):
        assert InMemoryChannelLayer().require_valid_group_name(name)
        assert "secret" not in name


def test_consent_can_be_given_only_for_oneself(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.both()
    consents(ada, "audio")
    osei.hears("consent.changed")
    assert RecordingConsent.objects.get(patient=house.ada.patient).participant_id == room.place("patient").pk
    assert room.place("clinician").recording == "unasked"
