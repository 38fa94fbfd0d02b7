"""What the call's own log allowed to be captured, and when. Asked when a segment opens, grows and is processed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from consultations.models import CallEvent, Mode
from recordings.models import RecorderLease, Recording, Segment

CLOCK_SLACK = timedelta(seconds=2)
# A recorder that was told to show less hands over within seconds; its picture is dark by then.
HAND_OVER = timedelta(seconds=15)


@dataclass(frozen=True)
class Permission:
    """The log allowed a lease to capture `mode` from `since` on; `until` is when it next said something else."""

    seq: int
    mode: str
    since: datetime
    until: datetime | None

    def holds_at(self, moment: datetime) -> bool:
        """Say whether a recorder whose clock is a little off may have begun then."""
        return self.since - CLOCK_SLACK <= moment and (self.until is None or moment < self.until + CLOCK_SLACK)


def milliseconds_into(recording: Recording, moment: datetime) -> int:
    return round((moment - recording.started_at).total_seconds() * 1000)


def begin_of(segment: Segment) -> datetime:
    return segment.recording.started_at + timedelta(milliseconds=segment.t0_ms)


def permissions_of(lease: RecorderLease, epoch: int) -> list[Permission]:
    """Return what this lease was allowed in this epoch, in order."""
    events = list(CallEvent.objects.filter(call=lease.recording.call_id, kind="rec.allowed").order_by("seq"))
    following = [*(event.at for event in events[1:]), None]
    return [
        Permission(event.seq, event.payload["capture"], event.at, _earliest(until, lease.revoked_at))
        for event, until in zip(events, following, strict=False)
        if event.epoch == epoch and event.payload["lease"] == str(lease.pk)
    ]


def permission_of(segment: Segment) -> Permission | None:
    """Return the permission under which this segment began, or None: then it should not exist."""
    found = [
        permission
        for permission in permissions_of(segment.lease, segment.epoch)
        if permission.mode == segment.mode and permission.holds_at(begin_of(segment))
    ]
    return found[-1] if found else None


def may_run_until(segment: Segment) -> datetime | None:
    """Return the moment from which nothing more of this segment is taken, None while there is none.

    Sound may run on while its lease lives: the old mode is better than no recording. Pictures may not outlive
    the moment in which only sound was allowed again.
    """
    permission = permission_of(segment) if segment.mode == Mode.VIDEO else None
    if permission is None:
        return segment.lease.revoked_at
    later = CallEvent.objects.filter(call=segment.recording.call_id, kind="rec.allowed", seq__gt=permission.seq)
    narrowed = later.filter(payload__capture=Mode.AUDIO.value).order_by("seq").first()
    return _earliest(segment.lease.revoked_at, narrowed.at + HAND_OVER if narrowed else None)


def is_too_late(segment: Segment, from_ms: int, ends: datetime) -> bool:
    return begin_of(segment) + timedelta(milliseconds=from_ms) >= ends + CLOCK_SLACK


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
