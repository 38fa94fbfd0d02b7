"""The queue is rows: one try at a time, a lease that runs out, a fence that keeps the late ones from writing."""

import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from consultations.states import StaleTransition
from recordings import jobs, pipeline, tasks, upkeep
from recordings.models import ProcessingJob, Recording
from tests.cast import Cast
from tests.visits import CANVAS, Visit, recorded_visit, stored_files

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]


@pytest.fixture
def visit(cast: Cast) -> Visit:
    return recorded_visit(cast.ada, at=cast.now - timedelta(hours=6))


def test_one_worker_gets_a_job_and_the_next_gets_nothing(visit: Visit) -> None:
    now = timezone.now()
    mine = jobs.claim(visit.job.pk, now=now)
    assert mine is not None
    assert (mine.status, mine.attempts, mine.fence, mine.lease_until) == ("running", 1, 1, now + jobs.LEASE)
    assert visit.recording.status == "processing"
    assert jobs.claim(visit.job.pk, now=now + jobs.LEASE) is None
    assert jobs.due(now + jobs.LEASE) == []


def test_a_lease_that_ran_out_gives_the_job_to_another_and_fences_the_first_off(visit: Visit) -> None:
    now = timezone.now()
    stale = jobs.claim(visit.job.pk, now=now)
    later = now + jobs.LEASE + timedelta(seconds=1)
    assert jobs.due(later) == [visit.job.pk]
    fresh = jobs.claim(visit.job.pk, now=later)
    assert fresh and stale and (fresh.attempts, fresh.fence) == (2, 2)
    with pytest.raises(jobs.LostFence):
        jobs.advance(stale, ProcessingJob.Stage.JOINING)
    with pytest.raises(jobs.LostFence), jobs.finishing(stale, ProcessingJob.Status.DONE, now=later):
        Recording.objects.filter(pk=stale.recording_id).update(reason="written by the dead")
    with pytest.raises(jobs.LostFence):
        jobs.retry_later(stale, fault="x", now=later)
    assert (visit.job.status, visit.job.stage, visit.recording.reason) == ("running", "verifying", "")
    jobs.advance(fresh, ProcessingJob.Stage.JOINING, now=later)
    assert visit.job.stage == "joining"


def test_a_job_waits_longer_after_each_try_and_is_given_up_after_five(visit: Visit) -> None:
    now, pauses = timezone.now(), []
    for attempt in range(1, jobs.MOST_ATTEMPTS + 1):
        job = jobs.claim(visit.job.pk, now=now)
        assert job and job.attempts == attempt
        if not jobs.retry_later(job, fault="StoreFull", now=now):
            break
        assert jobs.claim(visit.job.pk, now=now) is None
        pauses.append((visit.job.not_before - now).total_seconds())
        now = visit.job.not_before
    assert pauses == [10, 30, 90, 270]
    assert attempt == jobs.MOST_ATTEMPTS


def test_enqueueing_twice_is_one_job(visit: Visit) -> None:
    now = timezone.now()
    assert jobs.enqueue(visit.recording, now=now) == jobs.enqueue(visit.recording, now=now) == visit.job
    assert visit.recording.jobs.count() == 1


@pytest.mark.parametrize("status", ["withdrawn", "erased", "quarantined"])
def test_a_job_of_a_recording_that_is_gone_is_dropped(visit: Visit, status: str) -> None:
    Recording.objects.filter(pk=visit.recording.pk).update(status=status)
    assert jobs.claim(visit.job.pk, now=timezone.now()) is None
    assert (visit.job.status, visit.job.fault, visit.recording.status) == ("given_up", "recording_gone", status)
    assert visit.job.finished_at is not None


def test_the_lease_is_kept_while_one_step_takes_long(visit: Visit, monkeypatch) -> None:
    job = jobs.claim(visit.job.pk, now=timezone.now() - timedelta(seconds=80))
    assert job is not None
    monkeypatch.setattr(jobs, "BEAT_S", 0.0)
    beats = []

    class Held:
        def update(self, **facts):
            beats.append(facts["lease_until"])
            done.set()

    import threading

    done = threading.Event()
    monkeypatch.setattr(jobs, "_held", lambda _: Held())
    with jobs.kept(job):
        assert done.wait(5)
    assert beats[0] > timezone.now() + jobs.LEASE - timedelta(seconds=10)
    count = len(beats)
    assert done.wait(0.05) and len(beats) == count, "it ends with the block"


def test_the_sweep_rings_for_what_nobody_works_on_and_for_nothing_else(visit: Visit, monkeypatch) -> None:
    rung = []
    monkeypatch.setattr(tasks.process_recording, "delay", rung.append)
    tasks.sweep()
    tasks.sweep()
    assert rung == [str(visit.job.pk)] * 2
    jobs.claim(visit.job.pk, now=timezone.now())
    tasks.sweep()
    assert len(rung) == 2
    ProcessingJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    tasks.sweep()
    assert len(rung) == 3


def test_the_sweep_changes_nothing_the_second_time(visit: Visit) -> None:
    def everything() -> list:
        rows = [list(model.objects.order_by("pk").values()) for model in (Recording, ProcessingJob)]
        return [*rows, list(visit.recording.segments.order_by("pk").values())]

    upkeep.sweep(now=visit.after(3600))
    before = everything()
    upkeep.sweep(now=visit.after(1))
    assert everything() == before


@pytest.mark.parametrize("fault", [ConnectionRefusedError, OperationalError])
def test_a_bell_that_does_not_work_loses_nothing(
    cast: Cast, monkeypatch, django_capture_on_commit_callbacks, fault
) -> None:
    def broken(*_, **__):
        raise fault

    with monkeypatch.context() as away:
        away.setattr(tasks.process_recording, "apply_async", broken)
        with django_capture_on_commit_callbacks(execute=True):
            visit = recorded_visit(cast.ada, at=cast.now - timedelta(hours=6))
    assert visit.job.status == "queued"
    rung = []
    monkeypatch.setattr(tasks.process_recording, "delay", rung.append)
    tasks.sweep()
    assert rung == [str(visit.job.pk)]


def test_a_broker_folder_that_is_gone_does_not_stop_the_end_of_a_call(
    cast: Cast, django_capture_on_commit_callbacks
) -> None:
    folder = settings.BROKER_DIR / "queue"
    away = folder.rename(folder.with_name("queue-away"))
    try:
        with django_capture_on_commit_callbacks(execute=True):
            visit = recorded_visit(cast.ada, at=cast.now - timedelta(hours=6))
    finally:
        if folder.exists():
            folder.rmdir()
        away.rename(folder)
    assert visit.job.status == "queued"


def test_a_forged_task_does_nothing(cast: Cast, visit: Visit) -> None:
    before = list(Recording.objects.order_by("pk").values())
    tasks.process_recording(str(uuid.uuid4()))
    tasks.process_recording(str(cast.ben.recording.pk))
    with pytest.raises(ValueError):
        tasks.process_recording("'; DROP TABLE")
    assert list(Recording.objects.order_by("pk").values()) == before
    assert visit.job.status == "queued"


def test_a_task_carries_an_id_and_the_rows_decide(visit: Visit, settings) -> None:
    settings.RECORDING_CANVAS = CANVAS
    tasks.process_recording(str(visit.job.pk))
    tasks.process_recording(str(visit.job.pk))
    assert (visit.recording.status, visit.job.attempts) == ("ready", 1)
    assert visit.recording.renditions.count() == 1
    assert len(stored_files(visit.recording)) == visit.recording.segments.get().chunks.count() + 1


def test_a_withdrawal_in_the_middle_of_the_work_wins(visit: Visit, settings, monkeypatch) -> None:
    settings.RECORDING_CANVAS = CANVAS
    advance = jobs.advance

    def meanwhile(job, stage, **other):
        Recording.objects.filter(pk=job.recording_id).update(status="withdrawn")
        advance(job, stage, **other)

    monkeypatch.setattr(jobs, "advance", meanwhile)
    chunks = stored_files(visit.recording)
    pipeline.process(visit.job.pk)
    assert (visit.recording.status, visit.job.status, visit.job.fault) == ("withdrawn", "given_up", "recording_gone")
    assert not visit.recording.renditions.exists()
    assert stored_files(visit.recording) == chunks


def test_a_playable_recording_never_goes_back_to_processing() -> None:
    for status in Recording.PLAYABLE:
        assert Recording.Status.PROCESSING not in Recording.TRANSITIONS[status]
        assert Recording.Status.FAILED not in Recording.TRANSITIONS[status]
    assert issubclass(StaleTransition, Exception)
