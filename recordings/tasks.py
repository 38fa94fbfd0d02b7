"""Background work on recordings. A task carries one id; everything else is read from the database."""

from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.dispatch import receiver
from django.utils import timezone

from recordings import erasure, expiry, jobs, pipeline, retention, safe, sharing, upkeep, viewings

A_DAY = timedelta(days=1)


@shared_task(name="recordings.process", soft_time_limit=3600, time_limit=3660)
def process_recording(job_id: str) -> None:
    """Work on one job. Idempotent because the job's row says whether it is free, and its fence who may write."""
    pipeline.process(UUID(job_id))


@shared_task(name="recordings.sweep", soft_time_limit=60, time_limit=90)
def sweep() -> None:
    """Close what was abandoned and ring for every job that nobody works on. Idempotent because rows decide."""
    now = timezone.now()
    upkeep.sweep(now=now)
    for job_id in jobs.due(now):
        process_recording.delay(str(job_id))
    for decision_id in erasure.waiting():
        empty_discarded.delay(str(decision_id))


@shared_task(name="recordings.sweep_shares", soft_time_limit=60, time_limit=90)
def sweep_shares() -> None:
    """Take the grants of shares that ran out; they open nothing already. Idempotent because each is swept once."""
    sharing.sweep(now=timezone.now())


@shared_task(name="recordings.settle_viewings", soft_time_limit=60, time_limit=90)
def settle_viewings() -> None:
    """Write down what left for viewings that are over. Idempotent because what is written is not written again."""
    viewings.settle(now=timezone.now())


@shared_task(name="recordings.empty_discarded", soft_time_limit=600, time_limit=660)
def empty_discarded(decision_id: str) -> None:
    """Remove what two people discarded. Idempotent because what is gone is gone, and the decision says when all was."""
    erasure.empty(UUID(decision_id), now=timezone.now())


@shared_task(name="recordings.erase_expired", soft_time_limit=3600, time_limit=3660)
def erase_expired() -> None:
    """Erase what is past its day. Idempotent because days that are right stay and what is erased is not due."""
    retention.apply(now=timezone.now())
    expiry.erase_due(now=timezone.now())


@shared_task(name="recordings.tidy", soft_time_limit=600, time_limit=660)
def tidy() -> None:
    """Remove what writers left that were killed in the middle. Idempotent because only old beginnings of files go."""
    safe.sweep_storage(older_than=A_DAY)


@receiver(jobs.job_queued)
def ring(job_id: UUID, **_: object) -> None:
    """Ring the workers; a doorbell that does not work is no loss, the sweep finds the row."""
    with suppress(OSError, process_recording.OperationalError):
        process_recording.delay(str(job_id))
