"""Consent gates what is captured, never the call; everybody answers for themselves and may change their mind."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.ledger import PORTAL
from audit.models import Action, Entry
from consultations import calls
from consultations import consents as service
from consultations.consents import capture_mode
from consultations.models import Participant, RecordingConsent
from consultations.wordings import FIRST
from recordings.live import recording_view
from recordings.models import RecorderLease, Recording
from tests.lines import House, Line, Room, calm, common_database, consents, make_side, opened_house

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house


def ledger_of(room: Room) -> list[tuple]:
    """Return (action, who, scope) of every line about consent in this consultation."""
    lines = Entry.objects.filter(object_id=room.consultation.pk, action__in=(Action.CONSENTED, Action.WITHDREW))
    return list(lines.order_by("seq").values_list("action", "actor", "reason"))


def in_force(room: Room) -> int:
    return RecordingConsent.objects.filter(participant__consultation=room.consultation, withdrawn_at=None).count()


def to_video(room: Room, asker: Line, other: Line) -> None:
    room.later(mode_changed_at=timezone.now() - timedelta(seconds=10))
    assert asker.ask("mode.request", want="video", epoch=room.call.epoch)["t"] == "ack"
    assert other.ask("mode.answer", question=room.call.question["id"], answer="accept")["t"] == "ack"


def live_leases(room: Room) -> list[RecorderLease]:
    return list(RecorderLease.objects.filter(recording__call=room.call, revoked_at=None))


def test_nothing_is_captured_before_everybody_in_the_call_has_allowed_it(house: House) -> None:
    room, other = Room(house.portal, house.ada), Room(house.portal, house.ben)
    ada, osei = room.both()
    ben, haddad = other.begins()
    for line in (ben, haddad):
        consents(line)
    consents(ada)
    assert capture_mode(room.call) is None
    osei.ask("admit", participant=room.id_of("patient"))
    calm(ada, osei)
    assert (capture_mode(room.call), live_leases(room), osei.said("rec.lease")) == (None, [], [])
    assert osei.state()["recording"] == {"state": "off", "saved_ms": 0, "capture": None}
    consents(osei)
    lease = osei.hears("rec.lease")
    assert (lease["capture"], lease["epoch"], room.call.mode) == ("audio", 1, "audio")
    assert {line.hears("rec.status", state="starting")["recording"]["capture"] for line in (ada, osei)} == {"audio"}
    assert not ada.said("rec.lease")
    assert len(live_leases(other)) == 1 and len(haddad.said("rec.lease")) == 1


def test_the_clinicians_consent_alone_captures_nothing(house: House) -> None:
    room = Room(house.portal, house.ada)
    _, osei = room.begins()
    consents(osei)
    calm(osei)
    assert (capture_mode(room.call), live_leases(room)) == (None, [])
    assert not Recording.objects.filter(call=room.call).exists()


def test_a_video_call_is_captured_as_sound_while_one_person_allows_only_that(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    consents(ada, "audio")
    consents(osei, "audio_video")
    to_video(room, osei, ada)
    assert room.call.mode == "video"
    assert osei.hears("rec.lease", epoch=2)["capture"] == "audio"
    consents(ada, "audio_video")
    assert osei.hears("rec.lease")["capture"] == "video"
    consents(ada, "audio")
    assert osei.hears("rec.lease")["capture"] == "audio"
    captured = room.call.events.filter(kind="rec.allowed").order_by("seq").values_list("payload__capture", flat=True)
    assert list(captured) == ["audio", "audio", "video", "audio"]
    assert len({lease["lease"] for lease in osei.said("rec.lease")}) == 1


def test_consent_to_another_wording_is_refused_and_leaves_nothing(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.both()
    right = {"version": FIRST.version, "sha256": FIRST.sha256, "scope": "audio_video"}
    wrong = [
        {"sha256": "0" * 64}, {"version": "2025-01"}, {"scope": "everything"}, {"scope": None}, {"sha256": None},
        {"sha256": FIRST.sha256.upper()}, {"version": ""},
    ]  # fmt: skip
    for line, changed in zip((ada, osei) * 4, wrong, strict=False):
        assert line.ask("consent.give", **(right | changed))["code"] == "bad_shape", changed
    assert (in_force(room), ledger_of(room), room.place("patient").recording) == (0, [], "unasked")
    assert not osei.said("consent.changed")


def test_every_answer_stands_in_a_row_and_in_the_ledger(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    consents(ada, "audio")
    row = RecordingConsent.objects.get(participant=room.place("patient"))
    assert (row.scope, row.wording_version, row.wording_sha256) == ("audio", FIRST.version, FIRST.sha256)
    assert row.patient_id == house.ada.patient.pk
    ada.ask("consent.withdraw")
    row.refresh_from_db()
    assert row.withdrawn_at >= row.given_at
    who = room.user("patient").pk
    assert ledger_of(room) == [("consented", who, "audio"), ("withdrew", who, "")]
    assert Entry.objects.filter(object_id=room.consultation.pk, action="consented").get().session_hash
    assert osei.hears("consent.changed", recording="allowed_audio")
    assert osei.hears("consent.changed", recording="withdrawn")


def test_the_same_answer_again_writes_nothing(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, _ = room.begins()
    consents(ada)
    before = (room.call.seq, ledger_of(room), RecordingConsent.objects.count())
    consents(ada)
    assert (room.call.seq, ledger_of(room), RecordingConsent.objects.count()) == before
    ada.ask("consent.withdraw")
    before = (room.call.seq, ledger_of(room))
    for t in ("consent.withdraw", "consent.decline"):
        assert ada.ask(t)["t"] == "ack"
    assert (room.call.seq, ledger_of(room), room.place("patient").recording) == (*before, "withdrawn")


@pytest.mark.parametrize("t", ["consent.withdraw", "consent.decline"])
def test_taking_consent_back_stops_the_recording_and_giving_it_again_starts_another(house: House, t: str) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    ben, haddad = Room(house.portal, house.ben).begins()
    for line in (ada, osei, ben, haddad):
        consents(line)
    lease = osei.hears("rec.lease")["lease"]
    assert ada.ask(t)["t"] == "ack"
    for line in (ada, osei):
        revoked = line.hears("rec.revoke")
        assert (revoked["lease"], revoked["why"], revoked["recording"]["state"]) == (lease, "consent", "stopped")
    assert (live_leases(room), capture_mode(room.call), room.call.status) == ([], None, "live")
    assert osei.ask("rec.beat", lease=lease, segment=room.id_of("patient"))["code"] == "no_lease"
    assert [line[0] for line in ledger_of(room)] == ["consented", "consented", "withdrew"]
    consents(ada)
    again = osei.hears("rec.lease")["lease"]
    assert again != lease and [str(one.pk) for one in live_leases(room)] == [again]
    calm(ada, osei, haddad)
    assert not haddad.said("rec.revoke")
    for line in (ada, osei):
        line.catch_up()
        assert line.differences() == {}


def test_a_no_leaves_the_call_fully_usable(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    consents(osei)
    assert ada.ask("consent.decline")["t"] == "ack"
    assert osei.hears("consent.changed", id=room.id_of("patient"))["participant"]["recording"] == "declined"
    to_video(room, ada, osei)
    assert ada.ask("media.update", video="on")["t"] == "ack"
    assert ada.ask("sig.cand", to=osei.sid, gen=ada.gen, neg=1, cs=[None])["t"] == "ack"
    assert (room.call.mode, in_force(room), live_leases(room)) == ("video", 1, [])
    assert recording_view(room.call)["state"] == "off"


def test_a_reload_of_the_recorder_gets_a_new_lease_and_a_lost_line_keeps_it(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    for line in (ada, osei):
        consents(line)
    lease = osei.hears("rec.lease")["lease"]
    osei.drop()
    back = house.portal.line(room.user("clinician"), room.consultation.pk, tab=osei.tab)
    assert back.hello(resume={"sid": osei.sid, "last_seq": 1})["lease"]["lease"] == lease
    back.drop()
    reloaded = house.portal.line(room.user("clinician"), room.consultation.pk, tab=osei.tab)
    assert reloaded.hello()["lease"]["lease"] != lease
    assert ada.hears("rec.revoke")["why"] == "replaced"
    assert len(live_leases(room)) == 1
    ada.drop()
    patient = house.portal.line(room.user("patient"), room.consultation.pk, tab=ada.tab)
    assert "lease" not in patient.hello()


WEBM = ["video/webm;codecs=vp8,opus", "audio/webm;codecs=opus"]


def test_a_browser_that_cannot_record_holds_no_lease_and_both_people_are_told_before_the_call(house: House) -> None:
    room, other = Room(house.portal, house.ada), Room(house.portal, house.ben)
    ada = room.enters("patient", caps={"rec": WEBM})
    osei = room.enters("clinician", caps={"rec": ["video/mp4", "audio/mp4", *WEBM[:1]]})
    assert osei.state()["recording"] == {"state": "unsupported", "saved_ms": 0, "capture": None}
    ada.hears("rec.status", state="unsupported")
    for line in (ada, osei):
        consents(line)
    assert osei.ask("admit", participant=room.id_of("patient"))["t"] == "ack"
    calm(ada, osei)
    to_video(room, osei, ada)
    calm(ada, osei)
    assert (live_leases(room), osei.said("rec.lease"), room.call.mode) == ([], [], "video")
    assert {line.state()["recording"]["state"] for line in (ada, osei)} == {"unsupported"}
    assert not Recording.objects.filter(call=room.call).exists()
    ben, haddad = other.enters("patient", caps={"rec": []}), other.enters("clinician", caps={"rec": WEBM})
    for line in (ben, haddad):
        consents(line)
    haddad.ask("admit", participant=other.id_of("patient"))
    assert haddad.hears("rec.lease")["capture"] == "audio"  # what the patient's browser can do is of no matter


def test_another_browser_of_the_clinician_takes_the_lease_and_loses_it_by_what_it_can(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    for line in (ada, osei):
        consents(line)
    osei.hears("rec.lease")
    phone = house.portal.line(room.user("clinician"), room.consultation.pk)
    assert "lease" not in phone.hello(takeover=True, caps={"rec": []})
    assert ada.hears("rec.revoke", state="unsupported")["why"] == "replaced"
    assert live_leases(room) == []
    computer = house.portal.line(room.user("clinician"), room.consultation.pk)
    assert computer.hello(takeover=True, caps={"rec": WEBM})["lease"]["capture"] == "audio"
    ada.hears("rec.status", state="starting")


def test_who_said_no_is_not_told_that_a_browser_could_not_record(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.enters("patient"), room.enters("clinician", caps={"rec": []})
    ada.hears("rec.status", state="unsupported")
    assert ada.ask("consent.decline")["t"] == "ack"
    assert osei.hears("rec.status", state="off")["recording"]["capture"] is None


def test_the_end_of_the_call_ends_the_lease(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    for line in (ada, osei):
        consents(line)
    osei.ask("end", epoch=1)
    assert osei.hears("ended") and osei.hears("rec.revoke")["why"] == "ended"
    assert live_leases(room) == []


def test_an_answer_at_the_moment_of_admission_tells_the_present_state() -> None:
    """What was read before the call's row was held must not be told: the other would see the patient outside again."""
    side = make_side("Cleo")
    call = calls.open_call(side.planned, now=timezone.now())
    stale = side.planned.participants.get(role="patient")
    Participant.objects.filter(pk=stale.pk).update(admitted_at=timezone.now(), video="on")
    facts = {"version": FIRST.version, "sha256": FIRST.sha256, "scope": "audio"}
    service.give(call.pk, by=stale, **facts, actor=PORTAL, now=timezone.now())
    told = call.events.get(kind="consent.changed").payload["participant"]
    assert (told["admitted"], told["video"], told["recording"]) == (True, "on", "allowed_audio")
