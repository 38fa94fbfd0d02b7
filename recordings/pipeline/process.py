"""One try at one job, from claim to `ready`, `partial`, `quarantined` or another try."""

import logging
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from audit import alerts, ledger, spool
from audit.models import Action, Alert, AlertKind
from consultations.states import StaleTransition, move
from recordings import jobs
from recordings.media.faults import UnreadableMedia
from recordings.media.job import Size
from recordings.media.runner import run_job
from recordings.misfits import ANOTHER_CALL
from recordings.models import ProcessingJob, Recording, Segment
from recordings.pipeline.evidence import Mismatch, accepted_of, recorded_at_once
from recordings.pipeline.gather import NothingCaptured, Remedies, gathered
from recordings.pipeline.publish import HoldsLess, latest_version, publish, remove_leftovers

log = logging.getLogger(__name__)


def process(job_id: UUID, *, now: datetime | None = None) -> None:
    """Work on a job if it is free. Idempotent because only the holder of the newest fence may write.

    `now` is the time everything is dated with; None means the clock.
    """
    job = jobs.claim(job_id, now=timezone.now())
    if job is None:
        return
    try:
        with jobs.kept(job):
            _attempt(job, now)
    except jobs.LostFence:
        log.warning("job %s was taken over by another worker", job_id)


def _attempt(job: ProcessingJob, now: datetime | None) -> None:
    if job.attempts > jobs.MOST_ATTEMPTS:
        _fail(job, "worker_died", now=now)
        return
    try:
        remove_leftovers(job)
        _make_replay(job, now)
    except Mismatch as mismatch:
        _hold_back(job, mismatch.reason, mismatch.segment, now=now)
    except UnreadableMedia as unreadable:
        _hold_back(job, f"unreadable_{unreadable.reason.value}", unreadable.segment, now=now)
    except NothingCaptured:
        _fail(job, "nothing_captured", now=now)
    except HoldsLess:
        # Of a part that had been shown a late piece did not fit, so all of it was left out: the old version stays.
        _fail(job, jobs.HOLDS_LESS, now=now)
    except StaleTransition:
        _drop(job, now=now)
    except jobs.LostFence:
        raise
    except Exception as fault:
        # Whatever else it is, it is our fault: another try, then staff. Never a job that runs for ever.
        log.exception("job %s: try %s ended early", job.pk, job.attempts)
        name = type(fault).__name__
        if not jobs.retry_later(job, fault=name, now=timezone.now()):
            _fail(job, name, now=now)


def _make_replay(job: ProcessingJob, now: datetime | None) -> None:
    canvas, remedies = settings.RECORDING_CANVAS, Remedies()
    while True:
        with gathered(job.recording, Size(canvas["width"], canvas["height"]), remedies) as found:
            try:
                result = run_job(found.job, on_stage=lambda stage: jobs.advance(job, stage))
            except UnreadableMedia as fault:
                # Each remedy is tried once per segment, so this ends.
                remedies = found.remedies_after(fault)
                continue
            jobs.advance(job, ProcessingJob.Stage.PUBLISHING)
            publish(job, result, found, now=now or timezone.now())
            return


def _hold_back(job: ProcessingJob, reason: str, segment: int | None, *, now: datetime | None) -> None:
    """Quarantine: nobody can list it; staff see the fact without content.

    What came late and does not fit costs nobody a replay that was checked and stands: only the late part is rejected.
    """
    recording, moment = job.recording, now or timezone.now()
    if recording.status in Recording.PLAYABLE and reason != ANOTHER_CALL:
        _reject_late(job, reason, segment, now=moment)
        return
    detail = {} if segment is None else {"part": segment}
    with jobs.finishing(job, ProcessingJob.Status.DONE, fault=reason, now=moment):
        _quarantine(recording, reason, detail, now=moment)
        others = _hold_back_the_others(recording, now=moment) if reason == ANOTHER_CALL else []
    for held in (recording, *others):
        log.error("recording %s is quarantined: %s", held.pk, reason)
        version = latest_version(held) + 1
        told = Alert.objects.filter(kind=AlertKind.QUARANTINED, object_id=held.pk, detail__version=version)
        if not told.exists():  # once for each version of a replay that was to be made
            _tell_staff(held, {"reason": reason, "version": version}, now=moment)


def _tell_staff(recording: Recording, detail: dict[str, str | int], *, now: datetime) -> None:
    alerts.raise_alert(
        AlertKind.QUARANTINED,
        actor=ledger.PORTAL,
        now=now,
        object_type="recording",
        object_id=recording.pk,
        patient=recording.patient_id,
        detail=detail,
    )


def _quarantine(recording: Recording, reason: str, detail: dict[str, int], *, now: datetime) -> None:
    move(recording, Recording.Status.QUARANTINED, transitions=Recording.TRANSITIONS, reason=reason)
    line = ledger.Line(Action.QUARANTINED, "recording", recording.pk, recording.patient_id, reason, detail)
    spool.append_or_spool(ledger.PORTAL, line, now=now)


def _hold_back_the_others(recording: Recording, *, now: datetime) -> list[Recording]:
    """Nobody knows yet which of the two is wrong. Grants that stand stay, and open nothing meanwhile.

    One that is still being captured or waits for its worker will find out by itself. Return which were held back.
    """
    held = []
    for other in recorded_at_once(recording):
        checked = other.status in (Recording.Status.PROCESSING, *Recording.PLAYABLE)
        if checked and ANOTHER_CALL not in accepted_of(other):
            with suppress(StaleTransition):  # withdrawn meanwhile
                _quarantine(other, ANOTHER_CALL, {}, now=now)
                held.append(other)
    return held


def _reject_late(job: ProcessingJob, reason: str, segment: int | None, *, now: datetime) -> None:
    """Reject what does not fit, and go on with whatever else came late. `segment` None: nobody can say which it was."""
    recording = job.recording
    with jobs.finishing(job, ProcessingJob.Status.GIVEN_UP, fault=reason, now=now):
        late = recording.segments.filter(status__in=(Segment.Status.COMPLETE, Segment.Status.ABANDONED))
        misfits = late if segment is None else late.filter(number=segment)
        lines = [
            ledger.Line(Action.QUARANTINED, "segment", pk, recording.patient_id, reason=reason)
            for pk in misfits.values_list("pk", flat=True)
        ]
        misfits.update(status=Segment.Status.REJECTED)
        spool.append_or_spool(ledger.PORTAL, *lines, now=now)
        if lines and late.exists():
            jobs.enqueue(recording, now=now)
    log.error("a late part of recording %s was rejected: %s", recording.pk, reason)
    # Told each time: a part is rejected once, and a piece of what is shown that was altered since is news again.
    _tell_staff(recording, {"reason": reason, "version": latest_version(recording) + 1, "late": True}, now=now)


def _fail(job: ProcessingJob, reason: str, *, now: datetime | None) -> None:
    """Give up; what could be watched before can be watched still, what was held back stays so."""
    with jobs.finishing(job, ProcessingJob.Status.GIVEN_UP, fault=reason, now=now or timezone.now()):
        if job.recording.status not in (Recording.Status.QUARANTINED, *Recording.PLAYABLE):
            move(job.recording, Recording.Status.FAILED, transitions=Recording.TRANSITIONS, reason=reason)
    log.error("recording %s could not be prepared: %s", job.recording_id, reason)


def _drop(job: ProcessingJob, *, now: datetime | None) -> None:
    """The recording was withdrawn or erased while it was worked on."""
    with jobs.finishing(job, ProcessingJob.Status.GIVEN_UP, fault=jobs.RECORDING_GONE, now=now or timezone.now()):
        log.warning("recording %s is gone; its job is dropped", job.recording_id)
