"""One try at one job, from claim to `ready`, `partial`, `quarantined` or another try."""

import logging
import os
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from audit import ledger
from audit.models import Action
from consultations.states import move
from recordings import jobs, policy, safe
from recordings.media.faults import MediaFault, UnreadableMedia
from recordings.media.job import JoinResult, Size
from recordings.media.runner import run_job
from recordings.models import ProcessingJob, Recording, Rendition, Segment
from recordings.pipeline.evidence import Mismatch, NothingCaptured, gathered
from recordings.vault import StoreUnavailable

log = logging.getLogger(__name__)


def process(job_id: UUID, *, now: datetime | None = None) -> None:
    """Work on a job if it is free. Idempotent because only the holder of the newest fence may write.

    `now` is the time everything is dated with; None means the clock.
    """
    job = jobs.claim(job_id, now=timezone.now())
    if job is None:
        return
    try:
        _attempt(job, now)
    except jobs.LostFence:
        log.warning("job %s was taken over by another worker", job_id)


def _attempt(job: ProcessingJob, now: datetime | None) -> None:
    canvas = settings.RECORDING_CANVAS
    try:
        with gathered(job.recording, Size(canvas["width"], canvas["height"])) as evidence:
            result = run_job(evidence.job, on_stage=lambda stage: jobs.advance(job, stage))
            jobs.advance(job, ProcessingJob.Stage.PUBLISHING)
            _publish(job, result, evidence.job.output_fd, has_gaps=evidence.has_gaps, now=now)
    except Mismatch as mismatch:
        _hold_back(job, mismatch.reason, now=now)
    except UnreadableMedia as unreadable:
        _hold_back(job, f"unreadable_{unreadable.reason.value}", now=now)
    except NothingCaptured:
        _fail(job, "nothing_captured", now=now)
    except (MediaFault, StoreUnavailable, ledger.LedgerUnavailable) as fault:
        log.exception("job %s: try %s ended early", job.pk, job.attempts)
        name = type(fault).__name__
        if not jobs.retry_later(job, fault=name, now=timezone.now()):
            _fail(job, name, now=now)


def _pieces(fd: int, length: int, size: int = 1 << 20) -> Iterator[bytes]:
    for offset in range(0, length, size):
        yield os.pread(fd, size, offset)


def _publish(job: ProcessingJob, result: JoinResult, fd: int, *, has_gaps: bool, now: datetime | None) -> None:
    """Write the replay into the patient's vault and make it playable, in that order; a lost fence undoes the writing."""
    recording, moment = job.recording, now or timezone.now()
    last = recording.renditions.filter(kind=Rendition.Kind.REPLAY).aggregate(last=Max("version"))["last"]
    rendition = Rendition(
        id=uuid.uuid4(),
        recording=recording,
        patient_id=recording.patient_id,
        kind=Rendition.Kind.REPLAY,
        version=(last or 0) + 1,
        content_type=result.content_type,
        created_at=moment,
    )
    keyset = safe.active_keyset(recording.patient)
    rendition.key_version = keyset.version
    identity, vault_id = safe.identity_of(rendition), recording.patient.vault_id
    sealed = safe.vault().write(identity, vault_id, keyset, _pieces(fd, result.byte_length))
    rendition.byte_length, rendition.sha256, rendition.header = sealed.plaintext_length, sealed.sha256, sealed.header
    try:
        if sealed.sha256.hex() != result.sha256:
            raise Mismatch("replay_digest")
        # Read back what was stored before anybody is told that it exists.
        safe.vault().verify(
            identity, vault_id, keyset, plaintext_length=sealed.plaintext_length, header=sealed.header, sha256=sealed.sha256
        )
        with jobs.finishing(job, ProcessingJob.Status.DONE, now=moment):
            _make_playable(recording, rendition, result, is_partial=has_gaps or result.has_holes, now=moment)
    except BaseException:
        safe.vault().delete(identity, vault_id)
        raise


def _make_playable(
    recording: Recording, rendition: Rendition, result: JoinResult, *, is_partial: bool, now: datetime
) -> None:
    rendition.save(force_insert=True)
    recording.segments.filter(status=Segment.Status.COMPLETE).update(status=Segment.Status.VERIFIED)
    move(
        recording,
        Recording.Status.PARTIAL if is_partial else Recording.Status.READY,
        transitions=Recording.TRANSITIONS,
        duration_ms=result.duration_ms,
        timeline=[part.to_json() for part in result.timeline],
        retain_until=recording.started_at + timedelta(days=settings.RECORDING_RETENTION_DAYS),
        reason="",
    )
    granted = [
        ledger.Line(Action.GRANTED, "recording", recording.pk, recording.patient_id, detail={"to": str(user.pk)})
        for user in policy.grant_playback(recording)
    ]
    published = ledger.Line(Action.PUBLISHED, "recording", recording.pk, recording.patient_id, reason=recording.status)
    ledger.append(ledger.PORTAL, published, *granted, now=now)


def _hold_back(job: ProcessingJob, reason: str, *, now: datetime | None) -> None:
    """Quarantine: nobody can list it; staff see the fact without content."""
    recording, moment = job.recording, now or timezone.now()
    with jobs.finishing(job, ProcessingJob.Status.DONE, fault=reason, now=moment):
        move(recording, Recording.Status.QUARANTINED, transitions=Recording.TRANSITIONS, reason=reason)
        line = ledger.Line(Action.QUARANTINED, "recording", recording.pk, recording.patient_id, reason=reason)
        ledger.append(ledger.PORTAL, line, now=moment)
    log.error("recording %s is quarantined: %s", recording.pk, reason)


def _fail(job: ProcessingJob, reason: str, *, now: datetime | None) -> None:
    moment = now or timezone.now()
    with jobs.finishing(job, ProcessingJob.Status.GIVEN_UP, fault=reason, now=moment):
        move(job.recording, Recording.Status.FAILED, transitions=Recording.TRANSITIONS, reason=reason)
    log.error("recording %s could not be prepared: %s", job.recording_id, reason)
