"""Puts a finished replay into the patient's vault and makes it playable, in that order."""

import os
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Max

from audit import ledger
from audit.models import Action
from consultations.states import StaleTransition, move
from recordings import jobs, letters, policy, retention, safe
from recordings.media.job import AUDIO_TYPE, VIDEO_TYPE, JoinResult
from recordings.models import ProcessingJob, Recording, Rendition, Segment
from recordings.pipeline.evidence import Mismatch, check_replay
from recordings.pipeline.gather import Gathered


class HoldsLess(Exception):
    """A new version that would hold less than the one people can watch already."""


def publish(job: ProcessingJob, result: JoinResult, gathered: Gathered, *, now: datetime) -> None:
    """Store, read back, and only then tell anybody.

    Errors: Mismatch, HoldsLess, LostFence, VaultError; nothing is left then.
    """
    if result.content_type not in (AUDIO_TYPE, VIDEO_TYPE):
        # SECURITY: said by a process that has read hostile bytes; it becomes a header of our own origin.
        raise Mismatch("replay_type")
    check_replay(job.recording, result.duration_ms)
    recording, timeline = job.recording, [part.to_json() for part in result.timeline]
    if recording.status in Recording.PLAYABLE and _held_ms(timeline) < _held_ms(recording.timeline):
        raise HoldsLess
    rendition = _rendition(job, job.fence, content_type=result.content_type, created_at=now)
    rendition.version = latest_version(recording) + 1
    try:
        _store(rendition, gathered.job.output_fd, result)
        with jobs.finishing(job, ProcessingJob.Status.DONE, now=now):
            _make_playable(recording, rendition, result, gathered, now=now)
    except BaseException:
        _remove(rendition)
        raise


def latest_version(recording: Recording) -> int:
    """Return the number of the newest replay, 0 where there is none."""
    replays = recording.renditions.filter(kind=Rendition.Kind.REPLAY)
    return int(replays.aggregate(last=Max("version"))["last"] or 0)


def _held_ms(timeline: list[dict[str, Any]]) -> int:
    return sum(part["to_ms"] - part["from_ms"] for part in timeline if part["kind"] != "hole")


def _rendition(job: ProcessingJob, fence: int, **facts: object) -> Rendition:
    """Return the row a try would make. Its id follows from the try: the next one finds what a killed one left."""
    return Rendition(
        id=uuid.uuid5(job.pk, str(fence)),
        recording=job.recording,
        patient_id=job.recording.patient_id,
        kind=Rendition.Kind.REPLAY,
        key_version=1,
        **facts,
    )


def remove_leftovers(job: ProcessingJob) -> None:
    """Delete the objects that tries of this job stored before they were killed."""
    for fence in range(1, job.fence + 1):
        _remove(_rendition(job, fence))


def _remove(rendition: Rendition) -> None:
    """Delete a try's object unless its row stands. RACE: a commit whose answer was lost has happened all the same."""
    if not Rendition.objects.filter(pk=rendition.pk).exists():
        safe.vault().delete(safe.identity_of(rendition), rendition.recording.patient.vault_id)


def _store(rendition: Rendition, fd: int, result: JoinResult) -> None:
    patient = rendition.recording.patient
    keyset = safe.active_keyset(patient)
    rendition.key_version = keyset.version
    identity = safe.identity_of(rendition)
    sealed = safe.vault().write(identity, patient.vault_id, keyset, _pieces(fd, result.byte_length))
    rendition.byte_length, rendition.sha256, rendition.header = sealed.plaintext_length, sealed.sha256, sealed.header
    if sealed.sha256.hex() != result.sha256:
        raise Mismatch("replay_digest")
    safe.vault().verify(
        identity,
        patient.vault_id,
        keyset,
        plaintext_length=sealed.plaintext_length,
        header=sealed.header,
        sha256=sealed.sha256,
    )


def _pieces(fd: int, length: int, size: int = 1 << 20) -> Iterator[bytes]:
    for offset in range(0, length, size):
        yield os.pread(fd, min(size, length - offset), offset)


def _make_playable(
    recording: Recording, rendition: Rendition, result: JoinResult, gathered: Gathered, *, now: datetime
) -> None:
    # RACE: held back, for another's sake, while we worked on it. SECURITY: only a try that began so may release it.
    if Recording.objects.select_for_update(no_key=True).get(pk=recording.pk).status != recording.status:
        raise StaleTransition
    rendition.save(force_insert=True)
    # RACE: a segment that became whole while we worked is not in this replay; the sweep makes the next version of it.
    whole = recording.segments.filter(pk__in=gathered.complete, status=Segment.Status.COMPLETE)
    whole.update(status=Segment.Status.VERIFIED)
    is_partial = gathered.has_gaps or result.has_holes
    move(
        recording,
        Recording.Status.PARTIAL if is_partial else Recording.Status.READY,
        transitions=Recording.TRANSITIONS,
        duration_ms=result.duration_ms,
        timeline=[part.to_json() for part in result.timeline],
        # What somebody was told stays; only `retention` moves it.
        retain_until=recording.retain_until or retention.first_day(recording, now=now),
        reason="",
    )
    # SECURITY: a later version must not give back what was taken from somebody meanwhile.
    people = policy.grant_playback(recording) if rendition.version == 1 else []
    granted = [
        ledger.Line(Action.GRANTED, "recording", recording.pk, recording.patient_id, detail={"to": str(user.pk)})
        for user in people
    ]
    published = ledger.Line(Action.PUBLISHED, "recording", recording.pk, recording.patient_id, reason=recording.status)
    ledger.append(ledger.PORTAL, published, *granted, now=now)
    if rendition.version == 1:
        letters.post_replay_ready(recording, now=now)
