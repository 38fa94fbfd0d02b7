"""The queue is rows: who works on what, until when, and which try may still write. The broker only rings."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.dispatch import Signal
from django.utils import timezone

from consultations.states import StaleTransition, move
from recordings.models import ProcessingJob, QuarantineDecision, Recording

LEASE = timedelta(seconds=90)
BEAT_S = 20.0
MOST_ATTEMPTS = 5
RECORDING_GONE, HOLDS_LESS = "recording_gone", "holds_less"
FIRST_PAUSE = timedelta(seconds=10)
log = logging.getLogger(__name__)

job_queued = Signal()  # sent with `job_id` once the row is committed; whoever rings the workers listens


class LostFence(Exception):
    """Another worker took this job over; nothing of this try may be written any more."""


@transaction.atomic
def enqueue(recording: Recording, *, now: datetime) -> ProcessingJob:
    """Seal the recording, if it is not yet, and queue one job for it.

    Idempotent because a recording has at most one live job. Locks: the recording's row.
    """
    recording = Recording.objects.select_for_update(no_key=True).get(pk=recording.pk)
    if recording.status == Recording.Status.CAPTURING:
        move(recording, Recording.Status.SEALED, transitions=Recording.TRANSITIONS)
    live = Q(status__in=[ProcessingJob.Status.QUEUED, ProcessingJob.Status.RUNNING])
    job = recording.jobs.filter(live).first()
    if job is None:
        job = ProcessingJob.objects.create(
            recording=recording, patient_id=recording.patient_id, not_before=now, created_at=now
        )
    job_id = job.pk
    transaction.on_commit(lambda: job_queued.send(sender=ProcessingJob, job_id=job_id))
    return job


def due(now: datetime) -> list[UUID]:
    """Return the jobs nobody works on: queued ones whose time has come, and running ones whose lease ran out."""
    waiting = Q(status=ProcessingJob.Status.QUEUED, not_before__lte=now)
    orphaned = Q(status=ProcessingJob.Status.RUNNING, lease_until__lt=now)
    return list(ProcessingJob.objects.filter(waiting | orphaned).order_by("created_at").values_list("pk", flat=True))


@transaction.atomic
def claim(job_id: UUID, *, now: datetime) -> ProcessingJob | None:
    """Take a job for one try, or None when somebody else has it. RACE: the update is the compare-and-set.

    The try is counted here, so that one that kills its worker counts, too.
    """
    free = Q(status=ProcessingJob.Status.QUEUED, not_before__lte=now) | Q(
        status=ProcessingJob.Status.RUNNING, lease_until__lt=now
    )
    claimed = ProcessingJob.objects.filter(free, pk=job_id).update(
        status=ProcessingJob.Status.RUNNING,
        stage=ProcessingJob.Stage.VERIFYING,
        attempts=F("attempts") + 1,
        fence=F("fence") + 1,
        lease_until=now + LEASE,
    )
    if not claimed:
        return None
    job = ProcessingJob.objects.select_related(
        "recording__patient__user", "recording__clinician__user", "recording__call"
    ).get(pk=job_id)
    # What can be watched already stays so until its next version stands; what is held back, until it is released.
    stays = (Recording.Status.PROCESSING, *Recording.PLAYABLE)
    if job.recording.status not in stays and not _releases(job):
        try:
            move(job.recording, Recording.Status.PROCESSING, transitions=Recording.TRANSITIONS)
        except StaleTransition:  # withdrawn or erased meanwhile
            with finishing(job, ProcessingJob.Status.GIVEN_UP, fault=RECORDING_GONE, now=now):
                return None
    return job


def _releases(job: ProcessingJob) -> bool:
    """SECURITY: what is held back is worked on for the one run that two people have agreed to."""
    is_held_back = job.recording.status == Recording.Status.QUARANTINED
    return is_held_back and QuarantineDecision.objects.filter(job=job, confirmed_at__isnull=False).exists()


@contextmanager
def kept(job: ProcessingJob) -> Iterator[None]:
    """Keep the lease for the block, however long one step of it takes; it runs out only with the worker."""
    done = threading.Event()
    beats = threading.Thread(target=_beat, args=(job, done), daemon=True)
    beats.start()
    try:
        yield
    finally:
        done.set()
        beats.join()


def _beat(job: ProcessingJob, done: threading.Event) -> None:
    while not done.wait(BEAT_S):
        try:
            _held(job).update(lease_until=timezone.now() + LEASE)
        except DatabaseError:
            log.exception("job %s: the lease could not be renewed", job.pk)
        finally:
            connection.close()


def advance(job: ProcessingJob, stage: str, *, now: datetime | None = None) -> None:
    """Say what is being done and keep the lease. Errors: LostFence."""
    moment = now or timezone.now()
    _demand(_held(job).update(stage=stage, lease_until=moment + LEASE))


def _held(job: ProcessingJob) -> QuerySet[ProcessingJob]:
    return ProcessingJob.objects.filter(pk=job.pk, fence=job.fence, status=ProcessingJob.Status.RUNNING)


def _demand(updated: int) -> None:
    if updated != 1:
        raise LostFence


@contextmanager
def finishing(job: ProcessingJob, status: str, *, fault: str = "", now: datetime) -> Iterator[None]:
    """Finish the job together with what the block writes, all or nothing. Errors: LostFence."""
    with transaction.atomic():
        stage = ProcessingJob.Stage.FINISHED
        _demand(_held(job).update(status=status, stage=stage, fault=fault, finished_at=now, lease_until=None))
        yield


def retry_later(job: ProcessingJob, *, fault: str, now: datetime) -> bool:
    """Give the job back for another try; False when it has had enough. Errors: LostFence."""
    if job.attempts >= MOST_ATTEMPTS:
        return False
    pause = FIRST_PAUSE * 3 ** (job.attempts - 1)
    queued, waiting = ProcessingJob.Status.QUEUED, ProcessingJob.Stage.WAITING
    again_at = now + pause
    _demand(_held(job).update(status=queued, stage=waiting, fault=fault, not_before=again_at, lease_until=None))
    return True
