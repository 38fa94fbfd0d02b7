"""The call's own log: whether it is whole, who was there, and which mode was when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from consultations.models import Call, CallEvent, Mode, Participant
from consultations.presence import RESUME_WITHIN
from recordings.capture.permission import CLOCK_SLACK, begin_of
from recordings.models import Segment
from recordings.pipeline.evidence.mismatch import Mismatch

# Each of these is a new epoch; so is the first admission, and nothing else.
_STEPS = {"mode.changed", "ended"}


@dataclass(frozen=True)
class CallLog:
    call: Call
    events: tuple[CallEvent, ...]

    @classmethod
    def of(cls, call: Call) -> "CallLog":
        return cls(call, tuple(call.events.order_by("seq")))

    @property
    def is_whole(self) -> bool:
        return [event.seq for event in self.events] == list(range(1, self.call.seq + 1))

    @property
    def epochs_add_up(self) -> bool:
        epoch = 0
        for event in self.events:
            steps = event.kind in _STEPS or (event.kind == "admitted" and epoch == 0)
            epoch += steps
            if event.epoch != epoch:
                return False
        return epoch == self.call.epoch

    def mode_in(self, epoch: int) -> str:
        """Every call begins with sound."""
        changes = [event for event in self.events if event.kind == "mode.changed" and event.epoch <= epoch]
        return str(changes[-1].payload["mode"]) if changes else Mode.AUDIO

    def about(self, person: Participant, kind: str) -> list[CallEvent]:
        own = str(person.pk)
        return [e for e in self.events if e.kind == kind and e.payload.get("participant", {}).get("id") == own]

    def was_admitted(self, person: Participant, moment: datetime) -> bool:
        return any(event.at - CLOCK_SLACK <= moment for event in self.about(person, "admitted"))

    def was_present(self, person: Participant, moment: datetime) -> bool:
        """A tab whose connection was lost is there for as long as it can take up its place again."""
        joined = [event for event in self.about(person, "joined") if event.at - CLOCK_SLACK <= moment]
        if not joined:
            return False
        left = [e for e in self.about(person, "left") if e.seq > joined[-1].seq and e.at + CLOCK_SLACK < moment]
        return not any(e.payload["for_good"] or moment - e.at > RESUME_WITHIN for e in left)


def log(log: CallLog) -> Iterator[Mismatch]:
    if not log.is_whole:
        yield Mismatch("call_log_has_gaps")
    if not log.epochs_add_up:
        yield Mismatch("epochs_do_not_add_up")


def mode(segment: Segment, log: CallLog) -> Iterator[Mismatch]:
    """Sound from a video call is what was agreed to; pictures from an audio call are not."""
    if segment.mode == Mode.VIDEO and log.mode_in(segment.epoch) != Mode.VIDEO:
        yield Mismatch("video_in_an_audio_call", segment)


def recorder(segment: Segment, log: CallLog) -> Iterator[Mismatch]:
    person, moment = segment.lease.participant, begin_of(segment)
    if person.role != Participant.Role.CLINICIAN:
        yield Mismatch("recorder_may_not_record", segment)
    if not log.was_admitted(person, moment):
        yield Mismatch("recorder_was_not_admitted", segment)
    if not log.was_present(person, moment):
        yield Mismatch("recorder_was_absent", segment)
