"""What arrives after a replay was made: a new version that never holds less, and no misfit costs anybody anything."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.ledger import Actor
from audit.models import Action, Alert, Entry
from recordings import jobs, policy, retrying, revocations, upkeep
from recordings.capture import OpenSegment
from recordings.models import Chunk, Segment
from recordings.overview import still_open
from recordings.revocations import Why
from tests.cast import Cast
from tests.visits import CANVAS, Visit, media, parts, recorded_visit, stored_files

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


@pytest.fixture
def visit(cast: Cast) -> Visit:
    return Visit(cast.ada, at=cast.now - timedelta(hours=6)).begin()


def test_late_chunks_make_a_second_version_and_the_first_is_watched_until_then(cast: Cast, visit: Visit) -> None:
    opened = visit.record("audio", 5, lost=[3, 4], closes=False)
    visit.end()
    upkeep.sweep(now=visit.after(601))
    first = visit.process()
    assert first.status == "partial"
    old = first.renditions.get()
    bodies = media("audio", 5)
    visit.now = timezone.now()
    for number in (3, 4):
        visit.put(opened, number, bodies[number])
    visit.close(opened, bodies, reason="recovered")
    job = visit.job
    assert (job.status, Segment.objects.get(recording=first).status) == ("queued", "complete")
    patient = cast.ada.patient.user
    assert jobs.claim(job.pk, now=visit.now)
    assert policy.playable_by(patient).filter(pk=first.pk).exists(), "version 1 is watched while 2 is made"
    jobs.ProcessingJob.objects.filter(pk=job.pk).update(lease_until=visit.now - timedelta(seconds=1))
    second = visit.process()
    assert (second.status, parts(second)) == ("ready", [("audio", 0, 5)])
    assert [r.version for r in second.renditions.order_by("version")] == [1, 2]
    assert {str(r.pk) for r in second.renditions.all()} <= stored_files(second)
    assert bytes(second.renditions.get(version=1).sha256) == bytes(old.sha256)


def test_a_late_piece_that_does_not_fit_takes_no_standing_replay_away(cast: Cast, visit: Visit) -> None:
    opened = visit.record("audio", 5, lost=[3, 4], closes=False)
    visit.end()
    upkeep.sweep(now=visit.after(601))
    recording = visit.process()
    assert recording.status == "partial"
    visit.now, bodies = timezone.now(), media("audio", 5)
    for number in (3, 4):
        visit.put(opened, number, bodies[number])
    visit.close(opened, bodies)
    Segment.objects.filter(recording=recording).update(root="0" * 64)
    again = visit.process()
    assert (again.status, again.renditions.count()) == ("partial", 1)
    assert policy.playable_by(cast.ada.patient.user).filter(pk=recording.pk).exists()
    assert Segment.objects.get(recording=recording).status == "rejected"
    assert (visit.job.status, visit.job.fault) == ("given_up", "manifest")
    line = Entry.objects.get(action=Action.QUARANTINED)
    assert (line.object_type, line.object_id, line.reason) == ("segment", opened.segment.pk, "manifest")
    alert = Alert.objects.get()
    assert (alert.kind, alert.object_id, alert.patient) == ("quarantined", recording.pk, recording.patient_id)
    assert alert.detail == {"reason": "manifest", "version": 2, "late": True}
    assert still_open().failed == 1 and still_open().held_back == 0


def test_what_was_altered_under_a_standing_replay_is_told_and_tried_again(cast: Cast) -> None:
    visit = recorded_visit(cast.ada, at=cast.now - timedelta(hours=6))
    recording = visit.process()
    Chunk.objects.filter(segment__recording=recording, number=0).update(sha256=b"0" * 32)
    jobs.enqueue(recording, now=visit.after(60))
    assert visit.process().renditions.count() == 1
    assert (visit.job.status, visit.job.fault) == ("given_up", "manifest")
    assert Alert.objects.get().detail["reason"] == "manifest" and still_open().failed == 1
    given_up, administrator = visit.job, Actor(cast.administrator.pk)
    retrying.try_again(given_up.pk, why=retrying.Why.MENDED, actor=administrator, now=visit.after(60))
    assert still_open().failed == 0, "it is being prepared"
    visit.process()
    assert Alert.objects.get().times == 2 and still_open().failed == 1
    with pytest.raises(retrying.CannotRetry):
        retrying.try_again(given_up.pk, why=retrying.Why.MENDED, actor=administrator, now=visit.after(60))


def late_parts(visit: Visit, *lost: list[int]) -> list[OpenSegment]:
    """Record parts of three seconds, of which `lost` comes after a first version was made; return them."""
    opened = [visit.record("audio", 3, lost=numbers, closes=False) for numbers in lost]
    visit.end()
    upkeep.sweep(now=visit.after(601))
    assert visit.process().status == "partial"
    visit.now, bodies = timezone.now() - timedelta(minutes=1), media("audio", 3)
    for part, numbers in zip(opened, lost, strict=True):
        for number in numbers:
            visit.put(part, number, bodies[number])
        visit.close(part, bodies)
    visit.after(1)
    return opened


def test_a_misfit_keeps_no_other_late_part_out(visit: Visit) -> None:
    wrong, right = late_parts(visit, [0, 1, 2], [2])
    Segment.objects.filter(pk=wrong.segment.pk).update(root="0" * 64)
    visit.process()
    assert (visit.job.status, visit.job.fault) == ("queued", "")
    recording = visit.process()
    assert recording.renditions.count() == 2
    assert parts(recording) == [("damaged", 0, 3), ("audio", 3, 6)]
    statuses = recording.segments.order_by("number").values_list("pk", "status")
    assert dict(statuses) == {wrong.segment.pk: "rejected", right.segment.pk: "verified"}


def test_a_new_version_never_holds_less_than_the_one_that_stands(visit: Visit) -> None:
    """Two seconds of the first part have been shown; a late piece spoils it, and the other gains only one second."""
    wrong, _ = late_parts(visit, [2], [2])
    before = visit.recording.timeline
    Segment.objects.filter(pk=wrong.segment.pk).update(root="0" * 64)
    visit.process()
    recording = visit.process()
    assert (visit.job.status, visit.job.fault) == ("given_up", "holds_less")
    assert still_open().failed == 0, "nothing is left to be tried"
    assert (recording.status, recording.timeline, recording.renditions.count()) == ("partial", before, 1)
    assert stored_files(recording) >= {str(rendition.pk) for rendition in recording.renditions.all()}


def test_a_second_version_gives_nobody_back_what_was_taken_from_them(visit: Visit) -> None:
    opened = visit.record("audio", 3, lost=[2], closes=False)
    visit.end()
    upkeep.sweep(now=visit.after(601))
    recording = visit.process()
    revocations.revoke_playback(
        recording, visit.world.clinician.user, why=Why.LEFT, actor=Actor(visit.world.patient.user_id), now=visit.now
    )
    visit.after(1)
    visit.put(opened, 2, media("audio", 3)[2])
    visit.close(opened, media("audio", 3))
    assert visit.process().renditions.count() == 2
    assert not policy.granted_to(visit.world.clinician.user).filter(pk=recording.pk).exists()
    assert policy.granted_to(visit.world.patient.user).filter(pk=recording.pk).exists()
