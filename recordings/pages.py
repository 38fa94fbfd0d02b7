"""What pages show of recordings: rows, the timeline in words, who has seen what, how far the preparation is."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from audit.models import Action, Entry
from consultations.models import Call
from recordings.models import ProcessingJob, Recording

Status = Recording.Status
HOLES = {
    "paused": "Off the record",
    "damaged": "These moments did not arrive",
    "missing": "These moments did not arrive",
    "interrupted": "The recording was interrupted",
}


def kinds_text(timeline: list[dict[str, Any]]) -> str:
    """Say which modes follow each other: "audio, then video, then audio"."""
    words: list[str] = []
    for part in timeline:
        word = {"audio": _("audio"), "video": _("video")}.get(part["kind"])
        if word and words[-1:] != [word]:
            words.append(word)
    return _(", then ").join(words)


def other_name(user: User, recording: Recording) -> str:
    if recording.clinician.user_id == user.pk:
        return recording.patient.name
    return recording.clinician.display_name


def row(user: User, recording: Recording) -> dict[str, Any]:
    """Shape: one row of `_replays.html`."""
    return {
        "pk": recording.pk,
        "title": recording.consultation.reason,
        "other_name": other_name(user, recording),
        "starts_at": recording.started_at,
        "duration_ms": recording.duration_ms,
        "modes_text": kinds_text(recording.timeline),
        "status": recording.status,
        "partial": recording.status == Status.PARTIAL,
        "url": reverse("recordings:detail", args=[recording.pk]),
    }


def parts(recording: Recording) -> list[dict[str, Any]]:
    """Shape: `timeline` of `recordings/_timeline.html`; percent is a share of the whole, at least 1."""
    whole = max(1, recording.duration_ms or 1)
    return [
        {
            "kind": part["kind"],
            "from_ms": part["from_ms"],
            "to_ms": part["to_ms"],
            "percent": max(1, round(100 * (part["to_ms"] - part["from_ms"]) / whole)),
            "text": _(HOLES.get(part.get("reason", ""), "")) if part["kind"] == "hole" else "",
        }
        for part in recording.timeline
    ]


def audience_text(user: User, recording: Recording) -> str:
    return _("Only you and %(name)s can watch this") % {"name": other_name(user, recording)}


def accesses(recordings: Iterable[UUID], viewer: User, *, most: int = 20) -> list[dict[str, Any]]:
    """Return who opened these recordings and how long they watched, newest first. Shape: rows of `_accesses.html`."""
    entries = list(
        Entry.objects.filter(object_id__in=list(recordings))
        .filter(Q(action=Action.OPENED) | Q(action=Action.WATCHED))
        .order_by("-seq")[: most * 10]
    )
    watched: dict[str, int] = {}
    for entry in entries:
        if entry.action == Action.WATCHED:
            watched.setdefault(entry.detail["viewing"], entry.detail["seconds"])
    opened = [entry for entry in entries if entry.action == Action.OPENED][:most]
    people = User.objects.select_related("clinician").in_bulk([entry.actor for entry in opened if entry.actor])
    return [_access(entry, people.get(entry.actor), viewer, watched) for entry in opened]


def _access(entry: Entry, person: User | None, viewer: User, watched: dict[str, int]) -> dict[str, Any]:
    seconds = watched.get(entry.detail.get("viewing", ""), 0)
    clinician = getattr(person, "clinician", None)
    name = clinician.display_name if clinician else (person.name if person else _("Somebody"))
    return {
        "who": _("You") if person and person.pk == viewer.pk else name,
        "role": _("clinician") if clinician else "",
        "when": entry.at,
        "what": _("watched %(time)s") % {"time": spoken(seconds)} if seconds else _("opened"),
    }


def spoken(seconds: int) -> str:
    if seconds < 60:
        return _("%(n)d s") % {"n": seconds}
    return _("%(n)d min") % {"n": round(seconds / 60)}


WAITING = (Status.CAPTURING, Status.SEALED, Status.PROCESSING)
STAGES = list(ProcessingJob.Stage)


def status_of(user: User, consultation_id: UUID) -> dict[str, Any]:
    """Shape: `status` of `consultations/_recording_status.html`."""
    recording = Recording.objects.filter(consultation=consultation_id).order_by("-created_at").first()
    if recording is None:
        live = Call.objects.filter(consultation=consultation_id, status=Call.Status.LIVE).exists()
        return {"state": "none", "stage_text": "", "percent": 0, "waiting": live, "replay_url": ""}
    stage, percent = _("Saving the last seconds"), 5
    if recording.status in (Status.SEALED, Status.PROCESSING):
        job = recording.jobs.order_by("-created_at").first()
        step = STAGES.index(ProcessingJob.Stage(job.stage)) if job else 0
        stage, percent = str(STAGES[step].label), 10 + round(85 * step / (len(STAGES) - 1))
    is_playable = recording.status in Recording.PLAYABLE
    return {
        "state": recording.status,
        "stage_text": "" if is_playable else stage,
        "percent": 100 if is_playable else percent,
        "waiting": recording.status in WAITING,
        "replay_url": reverse("recordings:detail", args=[recording.pk]) if is_playable else "",
    }
