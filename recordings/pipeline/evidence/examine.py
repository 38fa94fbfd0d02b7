"""Asks every check, and raises the first answer that nobody has accepted."""

from collections.abc import Iterable

from recordings.misfits import misfit
from recordings.models import Chunk, QuarantineDecision, Recording, Segment
from recordings.pipeline.evidence import allowed, call_log, neighbours, ownership, times
from recordings.pipeline.evidence.mismatch import Mismatch


def accepted_of(recording: Recording) -> frozenset[str]:
    """Return the reasons that two people have accepted for this recording."""
    released = QuarantineDecision.objects.filter(
        recording=recording, what=QuarantineDecision.What.RELEASE, confirmed_at__isnull=False
    )
    # SECURITY: whatever a row says, bytes that do not match and what nobody allowed are never let through.
    return frozenset(word for word in released.values_list("misfit", flat=True) if misfit(word).may_be_released)


def check_segments(recording: Recording, everything: list[tuple[Segment, list[Chunk]]]) -> None:
    """Compare all segments with their owners, the call and its log. Errors: Mismatch."""
    accepted, log = accepted_of(recording), call_log.CallLog.of(recording.call)
    # First what can never be accepted, so that staff are not asked about the rest in vain.
    for segment, chunks in everything:
        _demand(ownership.owners(segment, chunks), accepted)
        _demand(allowed.permission(segment, chunks), accepted)
        _demand(ownership.manifest(segment, chunks), accepted)
    _demand(call_log.log(log), accepted)
    for segment, chunks in everything:
        _demand(call_log.mode(segment, log), accepted)
        _demand(call_log.recorder(segment, log), accepted)
        _demand(times.within_the_call(segment, chunks), accepted)
        _demand(times.arrival(segment, chunks), accepted)
    _demand(neighbours.alone(recording), accepted)


def check_replay(recording: Recording, duration_ms: int) -> None:
    """Compare the finished replay with the call. Errors: Mismatch."""
    _demand(times.length(recording, duration_ms), accepted_of(recording))


def _demand(found: Iterable[Mismatch], accepted: frozenset[str]) -> None:
    for mismatch in found:
        if mismatch.reason not in accepted:
            raise mismatch
