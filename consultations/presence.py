"""Which tab of a person is live: joining, resuming, taking over, leaving, and being lost."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from consultations import realtime
from consultations.calls import Refused, connect_pair, emit, lock, lock_place, participant_view
from consultations.models import Call, Participant
from consultations.modes import drop_question_of

RESUME_WITHIN = timedelta(seconds=60)
RESET_EVERY = timedelta(seconds=10)
# A live socket says every ten seconds that it is there; one that was silent for this long died with its process.
SILENT_AFTER = timedelta(seconds=45)


@dataclass(frozen=True)
class Conflict:
    """The consultation is open in another tab of the same person."""

    since: datetime


@transaction.atomic
def join(
    call: Call,
    place: Participant,
    *,
    tab: str,
    channel: str,
    resume_sid: str,
    takeover: bool,
    now: datetime,
    formats: list[str] | None = None,
) -> Participant | Conflict:
    """Make this tab the person's live one; keeps the `sid` of a tab that comes back within a minute.

    `formats` are MIME types that its browser can record, None if it did not say. Errors: Refused("closed").
    """
    call, person = lock(call.pk), lock_place(place)
    if person.is_present and person.tab != tab and not takeover:
        return Conflict(since=person.connected_at or now)
    back = person.disconnected_at is None or now - person.disconnected_at < RESUME_WITHIN
    resumes = bool(resume_sid) and resume_sid == person.sid and person.tab == tab and back
    was_present, previous_channel = person.is_present, person.channel
    person.sid = person.sid if resumes else secrets.token_hex(8)
    person.tab, person.channel, person.formats = tab, channel, formats
    person.connected_at, person.disconnected_at, person.left_at = now, None, None
    person.save(update_fields=["sid", "tab", "channel", "formats", "connected_at", "disconnected_at", "left_at"])
    if previous_channel and previous_channel != channel and was_present:
        transaction.on_commit(lambda: realtime.tell(previous_channel, {"t": "replaced"}, close=4409))
    if not (resumes and was_present):
        emit(call, "joined", {"participant": participant_view(person)}, now=now, changes_capture=True)
    connect_pair(call, now=now)
    return person


@transaction.atomic
def ready(call_id: Any, *, by: Participant, mic: str, now: datetime) -> None:
    """The device check is done: from now on the person waits. Idempotent: saying it again changes nothing."""
    call, person = lock(call_id), lock_place(by)
    audio = "on" if mic == "on" else "none"
    if person.waiting_at and person.audio == audio:
        return
    person.waiting_at, person.audio = person.waiting_at or now, audio
    person.save(update_fields=["waiting_at", "audio"])
    emit(call, "waiting", {"participant": participant_view(person)}, now=now)


@transaction.atomic
def update_media(call_id: Any, *, by: Participant, audio: str | None, video: str | None, now: datetime) -> None:
    """Store what the person sends. Errors: Refused("forbidden") for a camera in an audio call."""
    call, person = lock(call_id), lock_place(by)
    if video == "on" and call.mode != "video":
        raise Refused("forbidden", "The camera stays off in an audio call.")
    said = (audio or person.audio, video or person.video)
    if said == (person.audio, person.video):
        return
    person.audio, person.video = said
    person.save(update_fields=["audio", "video"])
    emit(call, "media", {"participant": participant_view(person)}, now=now)


@transaction.atomic
def drop(place: Participant, *, sid: str, channel: str, now: datetime, leaves: bool = False) -> None:
    """A socket closed. What a replaced tab does has no effect: only the live `sid` and channel count."""
    call = Call.objects.select_for_update().filter(consultation=place.consultation_id, status=Call.Status.LIVE).first()
    person = lock_place(place)
    if person.sid != sid or person.channel != channel or person.disconnected_at:
        return
    person.disconnected_at = now
    if leaves:
        person.left_at, person.sid = now, ""
    person.save(update_fields=["disconnected_at", "left_at", "sid"])
    if call:
        facts = {"participant": participant_view(person), "for_good": leaves}
        emit(call, "left", facts, now=now, changes_capture=True)
        drop_question_of(call, person, now=now)


def hold(place: Participant, *, channel: str, now: datetime) -> bool:
    """Note that this tab is still there. False if it is not the live one any more, or was given up meanwhile."""
    live = Participant.objects.filter(pk=place.pk, channel=channel, disconnected_at=None).exclude(sid="")
    return live.update(connected_at=now) == 1


def drop_silent(*, now: datetime) -> None:
    """Drop tabs whose process died without a word. Idempotent because a dropped tab is not present."""
    silent = Participant.objects.filter(disconnected_at=None, connected_at__lt=now - SILENT_AFTER).exclude(sid="")
    for person in silent:
        drop(person, sid=person.sid, channel=person.channel, now=now)


@transaction.atomic
def reset_pair(call_id: Any, *, gen: int, now: datetime) -> None:
    """Build a new peer connection, at most once in ten seconds. Errors: Refused `stale_gen`, `rate`."""
    call = lock(call_id)
    if gen != call.gen:
        raise Refused("stale_gen", "A newer connection exists.")
    if call.gen_changed_at and now - call.gen_changed_at < RESET_EVERY:
        raise Refused("rate", "A new connection was made a moment ago.", retry_ms=10_000)
    connect_pair(call, now=now, anew=True)
