"""Sending chunks over the capture API: stored once, whatever happens on the way, and never into another's recording."""

import base64
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from audit import ledger, spool
from audit.models import Action, Entry
from recordings import safe
from recordings.capture import OpenSegment, tokens
from recordings.models import Chunk, Recording, Segment
from tests.cast import Cast
from tests.visits import PATIENT, Recorder, Visit, media, stored_files

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]


@pytest.fixture
def visit(cast: Cast) -> Visit:
    visit = Visit(cast.ada, at=timezone.now() - timedelta(minutes=1), consultation=cast.ada.planned).begin()
    visit.now = timezone.now() - timedelta(seconds=20)
    return visit


@pytest.fixture
def opened(visit: Visit) -> OpenSegment:
    return visit.open()


@pytest.fixture
def put(visit: Visit, opened: OpenSegment):
    return lambda number, body, **other: Recorder(visit).put(
        other.pop("segment", opened.segment.pk), other.pop("token", opened.upload_token), number, body, **other
    )


BODIES = media("audio", 3)


def nothing_is_stored(visit: Visit) -> bool:
    return not Chunk.objects.filter(segment__recording=visit.recording).exists() and not stored_files(visit.recording)


def test_a_chunk_is_stored_and_the_same_again_is_the_same_chunk(visit: Visit, put) -> None:
    first = put(0, BODIES[0])
    assert (first.status_code, first.json()) == (201, {"have_through": 0, "missing": [], "saved_ms": 1000})
    # The answer was lost: the recorder sends it again, with other times even.
    again = put(0, BODIES[0], times="0-1001")
    assert (again.status_code, again.json()) == (200, first.json())
    chunk = Chunk.objects.get(segment__recording=visit.recording)
    assert (chunk.byte_length, chunk.from_ms, chunk.to_ms) == (len(BODIES[0]), 0, 1000)
    assert stored_files(visit.recording) == {str(chunk.pk)}
    with safe.open_object(chunk, visit.world.patient.vault_id) as reader:
        assert reader.read_range(0, chunk.byte_length) == BODIES[0]


def test_chunks_may_come_in_any_order_and_what_is_missing_is_named(put) -> None:
    assert put(2, BODIES[2], times="2000-3000").json()["missing"] == [0, 1]
    assert put(0, BODIES[0]).json() == {"have_through": 0, "missing": [1], "saved_ms": 3000}
    assert put(1, BODIES[1], times="1000-2000").json() == {"have_through": 2, "missing": [], "saved_ms": 3000}


def test_other_bytes_under_the_same_number_are_refused_and_the_first_stay(visit: Visit, put) -> None:
    put(0, BODIES[0])
    other = put(0, BODIES[0] + b"!")
    assert (other.status_code, other.json()["code"]) == (409, "digest_conflict")
    chunk = Chunk.objects.get(segment__recording=visit.recording)
    assert chunk.byte_length == len(BODIES[0])
    assert stored_files(visit.recording) == {str(chunk.pk)}


WRONG_DIGEST = base64.b64encode(bytes(32)).decode()
BAD = [
    ({"body": b""}, 422, "digest_mismatch"),
    ({"said": WRONG_DIGEST}, 422, "digest_mismatch"),
    ({"body": b"<html>hello</html>"}, 415, "not_media"),
    ({"body": b"\x00\x00\x00\x20ftypisom" + bytes(20)}, 415, "not_media"),
    ({"body": BODIES[0] + bytes(2 * 1024 * 1024 + 1 - len(BODIES[0]))}, 413, "too_big"),
    ({"number": 20_000}, 400, "bad_shape"),
    ({"number": 10**30}, 400, "bad_shape"),
    ({"times": "2000-1000"}, 400, "bad_shape"),
    ({"times": "0-86400000"}, 400, "bad_shape"),
    ({"times": "0-"}, 400, "bad_shape"),
    ({"times": ""}, 400, "bad_shape"),
    ({"Content-Digest": ""}, 400, "bad_shape"),
    ({"Content-Digest": "md5=:AAAA:"}, 400, "bad_shape"),
    ({"Content-Digest": f"sha-256=:{WRONG_DIGEST}:, sha-256=:{WRONG_DIGEST}:"}, 400, "bad_shape"),
]


def test_a_chunk_that_is_not_what_it_says_is_not_stored(visit: Visit, put) -> None:
    for wrong, status, code in BAD:
        sent = {"number": 0, "body": BODIES[0]} | wrong
        answer = put(sent.pop("number"), sent.pop("body"), **sent)
        assert (answer.status_code, answer.json()["code"]) == (status, code), list(wrong.items())
    assert nothing_is_stored(visit)
    assert put(0, BODIES[0]).status_code == 201


def test_a_chunk_of_exactly_two_mib_is_stored(put) -> None:
    assert put(0, BODIES[0] + bytes(2 * 1024 * 1024 - len(BODIES[0]))).status_code == 201


def test_without_a_readable_token_nothing_is_stored(visit: Visit, put) -> None:
    for token in ("", "x", "a:b:c", "é", "eyJzIjoiIn0:sig"):
        answer = put(0, BODIES[0], token=token)
        assert (answer.status_code, answer.json()["code"]) == (401, "token"), token
    assert nothing_is_stored(visit)


def test_an_edited_token_is_no_token(visit: Visit, opened: OpenSegment, put) -> None:
    claims, signature = opened.upload_token.rsplit(":", 1)
    assert put(0, BODIES[0], token=f"{claims[:-2]}AA:{signature}").status_code == 401
    assert put(0, BODIES[0], token=f"{claims}:").status_code == 401
    assert nothing_is_stored(visit)


def test_a_token_is_good_for_a_day(visit: Visit, opened: OpenSegment, put) -> None:
    almost = tokens.issue(opened.segment, now=timezone.now() - timedelta(hours=23, minutes=59))
    over = tokens.issue(opened.segment, now=timezone.now() - timedelta(hours=24, minutes=1))
    assert put(0, BODIES[0], token=over).status_code == 401
    assert nothing_is_stored(visit)
    assert put(0, BODIES[0], token=almost).status_code == 201


def misuses() -> list[Entry]:
    return list(Entry.objects.filter(action=Action.MISUSED))


def test_a_token_of_somebody_else_stores_nothing_and_is_told(
    cast: Cast, visit: Visit, opened: OpenSegment, put
) -> None:
    ben = Visit(cast.ben, at=timezone.now() - timedelta(minutes=1), consultation=cast.ben.planned).begin()
    theirs = ben.open()
    foreign = put(0, BODIES[0], token=theirs.upload_token)
    unknown = put(0, BODIES[0], token=theirs.upload_token, segment=uuid.uuid4())
    assert foreign.status_code == unknown.status_code == 403
    assert foreign.content == unknown.content
    assert foreign.json()["code"] == "wrong_token"
    assert nothing_is_stored(visit) and nothing_is_stored(ben)
    line = misuses()[0]
    assert (line.actor, line.object_id) == (cast.ben.clinician.user.pk, opened.segment.pk)
    assert (line.patient, line.reason) == (visit.world.patient.pk, "upload_token")
    assert misuses()[1].patient is None
    assert ledger.first_fault() is None


def test_a_token_of_another_segment_of_the_same_call_stores_nothing(visit: Visit, opened: OpenSegment, put) -> None:
    second = visit.open()
    assert put(0, BODIES[0], token=second.upload_token).status_code == 403
    assert nothing_is_stored(visit)
    assert Recorder(visit).close(opened.segment.pk, second.upload_token, BODIES).status_code == 403
    assert Recorder(visit).state(opened.segment.pk, second.upload_token).status_code == 403
    assert len(misuses()) == 3


@pytest.mark.parametrize("claim", ["epoch", "participant"])
def test_a_token_of_another_epoch_or_person_stores_nothing(visit: Visit, opened: OpenSegment, put, claim: str) -> None:
    segment = Segment.objects.select_related("lease").get()
    if claim == "epoch":
        segment.epoch += 1
    else:
        segment.lease.participant_id = visit.place(PATIENT).pk
    assert put(0, BODIES[0], token=tokens.issue(segment, now=timezone.now())).status_code == 403
    assert nothing_is_stored(visit) and len(misuses()) == 1
    assert put(0, BODIES[0]).status_code == 201


def test_a_misuse_that_cannot_be_written_down_is_refused_all_the_same(
    visit: Visit, put, monkeypatch, ledger_places, settings
) -> None:
    def unavailable(*_, **__):
        raise ledger.LedgerUnavailable

    second = visit.open()
    monkeypatch.setattr(ledger, "append", unavailable)
    answer = put(0, BODIES[0], token=second.upload_token)
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_token")
    assert len(spool.waiting()) == 2  # the misuse and its alert
    (ledger_places / "file").write_text("")
    settings.LEDGER_SPOOL_DIR = ledger_places / "file"
    answer = put(0, BODIES[0], token=second.upload_token)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "ledger", "2")
    assert nothing_is_stored(visit)


def test_a_token_outlives_the_sign_out_but_not_the_deactivation(visit: Visit, put) -> None:
    Recorder(visit).client.logout()
    assert put(0, BODIES[0]).status_code == 201
    User.objects.filter(pk=visit.world.clinician.user.pk).update(is_active=False)
    assert put(1, BODIES[1]).status_code == 401
    assert Chunk.objects.filter(segment__recording=visit.recording).count() == 1


def test_after_sealing_or_withdrawal_nothing_more_is_taken(visit: Visit, put) -> None:
    for status in ("sealed", "processing", "ready", "quarantined", "failed", "withdrawn", "erased"):
        Recording.objects.filter(pk=visit.recording.pk).update(status=status, duration_ms=1)
        answer = put(0, BODIES[0])
        assert (answer.status_code, answer.json()["code"]) == (410, "over"), status
    assert nothing_is_stored(visit)


@pytest.mark.parametrize(
    ("status", "taken"),
    [
        ("sealed", 201),
        ("processing", 201),
        ("ready", 201),
        ("partial", 201),
        ("failed", 201),
        ("quarantined", 410),
        ("withdrawn", 410),
    ],
)
def test_late_chunks_of_a_lost_recorder_are_taken_while_a_replay_can_be_made(visit: Visit, put, status, taken) -> None:
    Segment.objects.update(status="abandoned")
    Recording.objects.filter(pk=visit.recording.pk).update(status=status, duration_ms=1)
    assert put(0, BODIES[0]).status_code == taken


@pytest.mark.parametrize("status", ["complete", "verified", "rejected"])
def test_a_finished_segment_takes_nothing_more(visit: Visit, put, status: str) -> None:
    Segment.objects.update(status=status, chunks_expected=5)
    assert put(0, BODIES[0]).status_code == 410
    assert nothing_is_stored(visit)


def test_what_was_recorded_after_a_withdrawal_is_refused_and_what_was_before_still_arrives(visit: Visit, put) -> None:
    visit.after(5)
    visit.withdraw()
    assert put(0, BODIES[0], times="4000-5000").status_code == 201
    late = put(1, BODIES[1], times="7100-8000")
    assert (late.status_code, late.json()["code"]) == (410, "over")
    assert Chunk.objects.filter(segment__recording=visit.recording).count() == 1


def test_the_tail_of_the_old_mode_arrives_after_a_switch(visit: Visit, put) -> None:
    visit.switch("video")
    visit.after(5)
    assert put(0, BODIES[0]).status_code == 201
    assert put(1, BODIES[1], times="8000-9000").status_code == 201


def test_pictures_end_soon_after_only_sound_is_allowed(visit: Visit, put) -> None:
    visit.now = timezone.now() - timedelta(seconds=40)
    visit.switch("video")
    video, recorder = visit.open("video"), Recorder(visit)
    body = media("video", 2)[0]
    visit.after(5)
    visit.allow(PATIENT, "audio")
    assert recorder.put(video.segment.pk, video.upload_token, 0, body, times="4000-6000").status_code == 201
    assert recorder.put(video.segment.pk, video.upload_token, 1, body, times="19000-20000").status_code == 201
    assert recorder.put(video.segment.pk, video.upload_token, 2, body, times="23000-24000").status_code == 410
    assert put(0, BODIES[0], times="23000-24000").status_code == 201, "sound is still allowed"


def test_a_recording_has_room_for_so_many_bytes_only(visit: Visit, put, monkeypatch) -> None:
    monkeypatch.setattr("recordings.capture.chunks.MAX_RECORDING_BYTES", len(BODIES[0]) + len(BODIES[1]))
    assert [put(n, BODIES[n]).status_code for n in range(3)] == [201, 201, 413]
    assert len(stored_files(visit.recording)) == 2


def test_the_upload_needs_no_cookie_and_a_cookie_is_no_token(visit: Visit, opened: OpenSegment) -> None:
    signed_in = Recorder(visit).client
    url = f"/api/v1/segments/{opened.segment.pk}/"
    assert signed_in.put(f"{url}chunks/0/", BODIES[0], content_type="application/octet-stream").status_code == 401
    assert signed_in.get(url).status_code == 401
    assert signed_in.post(f"{url}close/", {}, content_type="application/json").status_code == 401
    assert nothing_is_stored(visit)
