"""Switching between audio and video: server state, changed by compare-and-set; turning video on is a question."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from consultations.calls import Refused, emit, lock, participant_view, participants_of
from consultations.models import Call, Mode, Participant

QUESTION_LASTS = timedelta(seconds=30)
DWELL = timedelta(seconds=2)


@transaction.atomic
def request(call_id: Any, *, by: Participant, want: str, epoch: int, now: datetime) -> None:
    """Go back to audio at once, or ask the others for video.

    Errors: Refused `stale_epoch`, `dwell`, `not_admitted`, `no_peer`.
    """
    call = lock(call_id)
    if call.started_at is None or by.admitted_at is None:
        raise Refused("not_admitted", "The consultation has not begun yet.")
    if epoch != call.epoch:
        raise Refused("stale_epoch", "The call changed at that moment.")
    if want == call.mode:
        return
    if call.mode_changed_at and now - call.mode_changed_at < DWELL:
        raise Refused("dwell", "That was very quick. Wait two seconds.", retry_ms=2000)
    if want == Mode.AUDIO:
        _change(call, Mode.AUDIO, by=by, now=now)
        return
    question = _pending(call, now)
    if question and question["by"] != str(by.pk):
        _change(call, Mode.VIDEO, by=by, now=now)  # both asked each other: that is an agreement
    elif not question:
        _ask(call, by=by, now=now)


def _pending(call: Call, now: datetime) -> dict[str, Any] | None:
    if call.question and (parse_datetime(call.question["expires_at"]) or now) > now:
        return dict(call.question)
    return None


def _others(call: Call, by_id: str) -> list[Participant]:
    return [p for p in participants_of(call) if p.admitted_at and p.is_present and str(p.pk) != by_id]


def _ask(call: Call, *, by: Participant, now: datetime) -> None:
    if not _others(call, str(by.pk)):
        raise Refused("no_peer", "Nobody is there to ask. Wait until they are back.")
    call.question = {
        "id": uuid.uuid4().hex,
        "by": str(by.pk),
        "want": Mode.VIDEO.value,
        "asked_at": now.isoformat(),
        "expires_at": (now + QUESTION_LASTS).isoformat(),
        "answers": {},
    }
    emit(call, "mode.asked", {"question": question_view(call, now)}, now=now)


def question_view(call: Call, now: datetime) -> dict[str, Any] | None:
    """Shape: `question` of docs/signaling.md. Who answered what is not told before the question is settled."""
    question = _pending(call, now)
    return question and {name: value for name, value in question.items() if name != "answers"}


@transaction.atomic
def answer(call_id: Any, *, by: Participant, question_id: str, answer: str, now: datetime) -> None:
    """Answer the pending question; the mode changes once everybody asked has accepted.

    Errors: Refused("no_question") when it lapsed, was answered, or is one's own.
    """
    call = lock(call_id)
    question = _pending(call, now)
    if not question or question["id"] != question_id or question["by"] == str(by.pk) or by.admitted_at is None:
        raise Refused("no_question", "That question is no longer open.")
    if answer == "decline":
        _close_question(call, why="declined", by=str(by.pk), now=now)
        return
    question["answers"][str(by.pk)] = answer
    call.question = question
    if all(str(p.pk) in question["answers"] for p in _others(call, question["by"])):
        asker = next(p for p in participants_of(call) if str(p.pk) == question["by"])
        _change(call, Mode.VIDEO, by=asker, now=now)
    else:
        call.save(update_fields=["question"])


def _close_question(call: Call, *, why: str, by: str | None, now: datetime) -> None:
    call.question = None
    emit(call, "mode.declined", {"question": None, "by": by, "why": why}, now=now)


@transaction.atomic
def lapse(call_id: Any, *, now: datetime) -> None:
    """Close a question that nobody answered in time. Idempotent because a closed question is gone."""
    call = Call.objects.select_for_update().filter(pk=call_id, status=Call.Status.LIVE).first()
    if call and call.question and not _pending(call, now):
        _close_question(call, why="lapsed", by=None, now=now)


def lapse_all(*, now: datetime) -> None:
    """Close what no socket closed, because both people's were away when it lapsed."""
    for call in Call.objects.filter(status=Call.Status.LIVE, question__isnull=False):
        lapse(call.pk, now=now)


def drop_question_of(call: Call, participant: Participant, *, now: datetime) -> None:
    """Close the question of somebody who left. Locks: the caller holds the call's row."""
    if call.question and call.question["by"] == str(participant.pk):
        _close_question(call, why="gone", by=str(participant.pk), now=now)


def _change(call: Call, mode: Mode, *, by: Participant, now: datetime) -> None:
    """RACE: the caller holds the call's row, so two requests at one moment make one step of `epoch`."""
    answers = (call.question or {}).get("answers", {})
    camera_off = [person for person, said in answers.items() if said == "accept_camera_off"]
    call.mode, call.epoch, call.mode_changed_at, call.question = mode, call.epoch + 1, now, None
    payload = {"mode": mode, "epoch": call.epoch, "by": str(by.pk), "camera_off": camera_off, "question": None}
    emit(call, "mode.changed", payload, now=now, changes_capture=True)
    if mode == Mode.AUDIO:
        _cameras_off(call, now)


def _cameras_off(call: Call, now: datetime) -> None:
    """No camera is on in an audio call, whatever its browser says of it later."""
    for person in participants_of(call):
        if person.video != "off":
            person.video = "off"
            person.save(update_fields=["video"])
            emit(call, "media", {"participant": participant_view(person)}, now=now)
