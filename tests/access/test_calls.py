"""The socket as everybody, and every message a client may send: said from outside a call it reaches nobody in it."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import User
from consultations import policy
from consultations.booking import book
from consultations.hub import Allowance
from consultations.models import Call, CallEvent, Consultation, Participant, RecordingConsent
from patients.models import CareRelationship, Clinician
from patients.services import end_care
from recordings.models import RecorderLease
from tests.access.registry import messages
from tests.access.table import RELATIONS, table
from tests.access.world import share_from_last_week
from tests.cast import FIFTEEN, make_ready_recording, make_user
from tests.lines import (
    SDP,
    House,
    Line,
    Room,
    Side,
    calm,
    common_database,
    consents,
    make_side,
    opened_house,
    session_of,
)

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
OF_A_PATIENT = {"deactivated", "expired", "signed-out", "password-changed"}
OF_A_CLINICIAN = {"revoked", "ended-care", "left"}


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house


@dataclass(frozen=True)
class Caller:
    """Somebody with a session; `own` is the consultation they could join, None if there is none."""

    user: User | None
    session: object
    own: uuid.UUID | None


def callers(house: House) -> dict[str, Caller]:
    """Everybody of the table, the way the matrix of addresses has them."""
    found = {"anonymous": Caller(None, None, None)}
    sides = {"patient": (house.ada, "patient"), "clinician": (house.ada, "clinician"),
             "neighbour": (house.ben, "patient"), "other-clinician": (house.ben, "clinician")}  # fmt: skip
    sides |= {name: (make_side(name), "patient") for name in sorted(OF_A_PATIENT)}
    sides |= {name: (make_side(name), "clinician") for name in sorted(OF_A_CLINICIAN)}
    for name, (side, part) in sides.items():
        user = getattr(side, part).user
        found[name] = Caller(user, session_of(user), side.planned.pk)
        _happens(name, side, found[name])
    others = house.everybody_else()
    for name, key in (("colleague", "ada.colleague"), ("staff", "staff"), ("administrator", "administrator")):
        found[name] = Caller(others[key], session_of(others[key]), None)
    found |= {name: _holder(name, days) for name, days in (("share-holder", 7), ("share-ran-out", -1))}
    assert set(found) == set(table().actors)
    return found


def _holder(name: str, days: int) -> Caller:
    """Somebody who was let watch the replay of a consultation, and is nobody in it."""
    side, user = make_side(name), make_user(f"{name} {uuid.uuid4().hex}")
    recording, _ = make_ready_recording(Call.objects.get(consultation=side.held), b"held")
    share_from_last_week(recording, user, by=side.patient.user, days=days, name="Friend", reason="Advice")
    return Caller(user, session_of(user), side.held.pk)


def _happens(name: str, side: Side, caller: Caller) -> None:
    """Let happen what makes this caller who they are; their session is older than that."""
    sessions = Session.objects.filter(session_key=caller.session.session.session_key)  # type: ignore[attr-defined]
    match name:
        case "deactivated":
            User.objects.filter(pk=caller.user.pk).update(is_active=False)  # type: ignore[union-attr]
        case "expired":
            sessions.update(expire_date=timezone.now())
        case "signed-out":
            sessions.delete()
        case "password-changed":
            user = User.objects.get(pk=caller.user.pk)  # type: ignore[union-attr]
            user.set_password("another long sentence")
            user.save(update_fields=["password"])
        case "revoked":
            policy.revoke_place(Participant.objects.get(consultation=side.planned, user=caller.user))
        case "ended-care":
            end_care(CareRelationship.objects.get(patient=side.patient, clinician=side.clinician), now=timezone.now())
        case "left":
            Clinician.objects.filter(pk=side.clinician.pk).update(is_active=False)


def gone(side: Side) -> uuid.UUID:
    """Return the id of a consultation that was deleted, as nothing in the product can."""
    now = timezone.now() + FIFTEEN * 10
    planned = book(side.patient, side.clinician, starts_at=now, ends_at=now + FIFTEEN, reason="Gone", now=now)
    pk = planned.pk
    Participant.objects.filter(consultation=planned).delete()
    Consultation.objects.filter(pk=pk).delete()
    return pk


def outcome(line: Line) -> str:
    """Return what hello brings, in the table's words."""
    assert line.accepted, "a refused handshake tells more than a socket that opens and closes"
    if line.closed is None:
        line.say("hello", tab=line.tab)
    line._wait(lambda: line.closed or line.heard)
    if line.heard:
        return line.heard[0]["t"]
    return f"closed-{line.closed}"


def test_the_socket_answers_as_the_table_says_and_the_rest_of_it_looks_alike(house: House) -> None:
    people, wrong, cells = callers(house), [], 0
    deleted = gone(house.ada)
    for name, caller in people.items():
        other = house.ben.planned.pk if caller.own == house.ada.planned.pk else house.ada.planned.pk
        targets = dict(zip(RELATIONS, (caller.own, other, deleted, uuid.uuid4()), strict=True))
        for relation, target in targets.items():
            if target is None:
                continue
            line = house.portal.line(caller.user, target, client=caller.session)
            expected, came = table().outcome("call", name, relation), outcome(line)
            cells += 1
            if came != expected or (came != "welcome" and line.heard):
                wrong.append(f"{name} ({relation}): {came} {line.heard}, and the table says {expected}")
            line.drop()
    print(f"{cells} handshakes")
    assert not wrong, "\n".join(wrong)


def everything(room: Room, about: Room) -> dict[str, dict]:
    """Return every message with a body that names everything of `about` that a body can name."""
    lease = RecorderLease.objects.filter(recording__call=about.call).first()
    named = {"lease": str(lease.pk) if lease else str(uuid.uuid4())}
    patient = Participant.objects.get(consultation=about.consultation, role=Participant.Role.PATIENT)
    relayed = {"to": patient.sid or "0" * 16, "gen": about.call.gen}
    wording = RecordingConsent.objects.filter(participant=patient).values("wording_version", "wording_sha256").first()
    agreed = {"version": wording["wording_version"], "sha256": wording["wording_sha256"]} if wording else {}
    question = (about.call.question or {}).get("id", "q")
    return {
        "hello": {"tab": "t", "takeover": True, "resume": {"sid": patient.sid or "s", "last_seq": 0}},
        "sync": {}, "ping": {"c": 1}, "ready": {"mic": "denied"}, "admit": {"participant": about.id_of("patient")},
        "sig.offer": relayed | {"neg": 1, "sdp": SDP}, "sig.answer": relayed | {"neg": 1, "sdp": SDP},
        "sig.cand": relayed | {"neg": 1, "cs": [None]}, "pc.restart_please": relayed,
        "pc.reset": {"gen": about.call.gen},
        "mode.request": {"want": "video", "epoch": about.call.epoch},
        "mode.answer": {"question": question, "answer": "accept"}, "media.update": {"audio": "off"},
        "consent.give": agreed | {"scope": "audio"}, "consent.decline": {}, "consent.withdraw": {}, "leave": {},
        "end": {"epoch": about.call.epoch}, "rec.fault": named | {"code": "x"},
        "rec.beat": named | {"segment": str(uuid.uuid4()), "made": 1, "acked": 1},
    }  # fmt: skip


def state(room: Room) -> tuple:
    """Return everything of a call that a message could change."""
    people = Participant.objects.filter(consultation=room.consultation).order_by("role").values_list(
        "sid", "audio", "video", "recording", "admitted_at", "left_at", "channel"
    )  # fmt: skip
    events = CallEvent.objects.filter(call=room.call).count()
    leases = list(RecorderLease.objects.filter(recording__call=room.call).values_list("pk", "expires_at", "revoked_at"))
    return Call.objects.filter(pk=room.call.pk).values().get(), list(people), events, leases


def test_whatever_a_stranger_says_to_a_call_reaches_nobody_in_it(house: House) -> None:
    room = Room(house.portal, house.ada)
    lines = room.begins()
    for line in lines:
        consents(line)
    calm(*lines)
    bodies = everything(room, room)
    assert set(bodies) == messages(), "a message without a body here: add one, so that strangers try it, too"
    people = {name: caller for name, caller in callers(house).items() if name not in ("patient", "clinician")}
    before, heard, cells = state(room), [len(line.heard) for line in lines], 0
    for name, caller in people.items():
        for t, body in bodies.items():
            line = house.portal.line(caller.user, room.consultation.pk, client=caller.session)
            line.throw(json.dumps({**body, "v": 1, "t": t, "id": uuid.uuid4().hex}))
            closed = f"closed-{line.hears_until_closed()}"
            assert closed == table().outcome(table().messages[t], name, "other"), (name, t)
            assert line.heard == [], (name, t)
            cells += 1
    calm(*lines)
    told = [[f["t"] for f in line.heard[n:] if f["t"] != "pong"] for line, n in zip(lines, heard, strict=True)]
    assert (told, state(room)) == ([[], []], before)
    print(f"{cells} messages from outside")


def test_what_the_neighbour_says_in_her_own_call_about_another_reaches_nobody_there(house: House, monkeypatch) -> None:
    monkeypatch.setattr(Allowance, "take", lambda *_: True)  # every message, however fast this machine is
    room, other = Room(house.portal, house.ada), Room(house.portal, house.ben)
    lines, neighbours = room.begins(), other.begins()
    for line in (*lines, *neighbours):
        consents(line)
    calm(*lines, *neighbours)
    before, heard = state(room), [len(line.heard) for line in lines]
    bodies = everything(other, room)
    for line in reversed(neighbours):
        for t, body in bodies.items():
            if t not in ("hello", "leave", "end"):
                line.ask(t, **body)
    for line, t in ((neighbours[0], "leave"), (neighbours[1], "end")):
        line.say(t, **bodies[t])
    calm(*lines)
    told = [[f["t"] for f in line.heard[n:] if f["t"] != "pong"] for line, n in zip(lines, heard, strict=True)]
    assert (told, state(room)) == ([[], []], before)
    names = {str(room.call.pk), room.id_of("patient"), room.id_of("clinician"), *(line.sid for line in lines)}
    said = json.dumps([line.heard for line in neighbours])
    assert not [name for name in names if name in said], "an answer holds something of the other call"
