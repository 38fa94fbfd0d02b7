"""Closing a segment: the manifest must be that of the stored chunks; what is whole and ended is sealed once."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from recordings import upkeep
from recordings.capture import OpenSegment
from recordings.models import ProcessingJob, Recording, Segment
from tests.cast import Cast
from tests.visits import Recorder, Visit, media, root, stored_files

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
BODIES = media("audio", 3)


@pytest.fixture
def visit(cast: Cast) -> Visit:
    visit = Visit(cast.ada, at=timezone.now() - timedelta(minutes=1), consultation=cast.ada.planned).begin()
    visit.now = timezone.now() - timedelta(seconds=20)
    return visit


@pytest.fixture
def opened(visit: Visit) -> OpenSegment:
    return visit.open()


@pytest.fixture
def close(visit: Visit, opened: OpenSegment):
    return lambda bodies=BODIES, **other: Recorder(visit).close(opened.segment.pk, opened.upload_token, bodies, **other)


def send(visit: Visit, opened: OpenSegment, *numbers: int) -> None:
    for number in numbers:
        visit.put(opened, number, BODIES[number])


def test_a_whole_segment_is_complete_and_closing_again_changes_nothing(visit: Visit, opened, close) -> None:
    send(visit, opened, 0, 1, 2)
    assert (close().status_code, close().json()) == (200, {"status": "complete"})
    segment = Segment.objects.get()
    assert (segment.status, segment.chunks_expected, segment.root) == ("complete", 3, root(BODIES))
    assert (segment.duration_ms, segment.close_reason) == (3000, "ended")
    again = close(BODIES[:2])
    assert (again.status_code, again.json()["code"]) == (409, "manifest_conflict")
    assert close(root="0" * 64).status_code == 409
    segment.refresh_from_db()
    assert (segment.status, segment.chunks_expected, segment.root) == ("complete", 3, root(BODIES))


@pytest.mark.parametrize("reason", ["switch", "ended", "left", "revoked", "error", "refused", "recovered"])
def test_every_reason_a_recorder_knows_is_taken(close, reason: str) -> None:
    assert close(reason=reason).status_code == 202
    assert Segment.objects.get().close_reason == reason


def test_a_closed_segment_names_what_is_missing_and_completes_with_it(visit: Visit, opened, close) -> None:
    send(visit, opened, 1)
    answer = close()
    assert (answer.status_code, answer.json()) == (202, {"status": "closed", "missing": [0, 2]})
    assert close().json()["missing"] == [0, 2]
    send(visit, opened, 2)
    assert Segment.objects.get().status == "closed"
    send(visit, opened, 0)
    assert Segment.objects.get().status == "complete"
    assert close().json() == {"status": "complete"}


def test_a_manifest_of_other_chunks_is_refused_and_can_be_corrected(visit: Visit, opened, close) -> None:
    send(visit, opened, 0, 1, 2)
    wrong = close(root=hashlib.sha256(b"other").hexdigest())
    assert (wrong.status_code, wrong.json()["code"]) == (409, "root_mismatch")
    reordered = close([BODIES[1], BODIES[0], BODIES[2]])
    assert reordered.json()["code"] == "root_mismatch"
    fewer = close(BODIES[:2])
    assert (fewer.status_code, fewer.json()["code"]) == (409, "manifest_conflict")
    assert Segment.objects.get().status == "open"
    assert Segment.objects.get().root == ""
    assert close().status_code == 200


def test_after_closing_no_number_beyond_the_manifest_is_stored(visit: Visit, opened, close) -> None:
    send(visit, opened, 0)
    close(BODIES[:2])
    answer = Recorder(visit).put(opened.segment.pk, opened.upload_token, 2, BODIES[2])
    assert (answer.status_code, answer.json()["code"]) == (409, "manifest_conflict")
    assert len(stored_files(visit.recording)) == 1


def test_a_manifest_that_cannot_be_is_refused(close) -> None:
    bad = [
        {"root": "x"}, {"root": "0" * 63}, {"chunks": -1}, {"chunks": 20_001}, {"duration_ms": 10**9},
        {"reason": "<script>"}, {"bytes": "many"},
    ]  # fmt: skip
    for wrong in bad:
        answer = close(**wrong)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_shape"), wrong
    assert Segment.objects.get().status == "open"


@pytest.mark.parametrize("status", ["withdrawn", "erased", "quarantined"])
def test_a_withdrawn_recording_takes_no_manifest(visit: Visit, opened, close, status: str) -> None:
    Recording.objects.filter(pk=visit.recording.pk).update(status=status)
    assert close().status_code == 410
    assert Segment.objects.get().status == "open"
    assert not ProcessingJob.objects.exists()


def test_the_call_must_end_and_every_segment_close_before_anything_is_sealed(visit: Visit, opened) -> None:
    visit.record("audio", 1)
    send(visit, opened, 0, 1, 2)
    assert not ProcessingJob.objects.exists()
    visit.end()
    assert visit.recording.status == "capturing"
    visit.close(opened, BODIES)
    assert visit.recording.status == "sealed"
    assert visit.job.status == "queued"
    visit.close(opened, BODIES)
    assert ProcessingJob.objects.count() == 1


def test_the_last_part_may_be_announced_a_moment_after_the_end(visit: Visit) -> None:
    visit.record("audio", 1)
    visit.switch("video")
    wish = visit.wish("video")
    visit.end()
    assert visit.recording.status == "capturing"
    visit.after(5)
    late = visit.open(**{**wish, "t0": wish["t0"] - 100})
    visit.close(late, [])
    assert visit.recording.status == "sealed"


def test_a_last_part_that_never_comes_delays_the_replay_by_a_minute_only(visit: Visit) -> None:
    visit.record("audio", 1)
    visit.switch("video")
    visit.end()
    upkeep.sweep(now=visit.after(50))
    assert visit.recording.status == "capturing"
    upkeep.sweep(now=visit.after(11))
    assert visit.recording.status == "sealed"


def test_a_silent_recorder_is_given_up_ten_minutes_after_its_last_sign(visit: Visit, opened) -> None:
    send(visit, opened, 0)
    visit.end()
    upkeep.sweep(now=visit.after(590))
    assert (Segment.objects.get().status, visit.recording.status) == ("open", "capturing")
    upkeep.sweep(now=visit.after(11))
    upkeep.sweep(now=visit.after(1))
    assert (Segment.objects.get().status, visit.recording.status) == ("abandoned", "sealed")
    assert ProcessingJob.objects.count() == 1


def test_a_recorder_that_is_silent_in_a_running_call_is_waited_for(visit: Visit, opened) -> None:
    upkeep.sweep(now=visit.after(3600))
    assert (Segment.objects.get().status, visit.recording.status) == ("open", "capturing")


def test_the_neighbours_recording_is_not_touched_by_all_this(cast: Cast, visit: Visit, opened, close) -> None:
    ben = Visit(cast.ben, at=timezone.now() - timedelta(minutes=1), consultation=cast.ben.planned).begin()
    theirs = ben.open()
    send(visit, opened, 0, 1, 2)
    close()
    visit.end()
    theirs.segment.refresh_from_db()
    assert (theirs.segment.status, ben.recording.status) == ("open", "capturing")
    assert stored_files(ben.recording) == set()
