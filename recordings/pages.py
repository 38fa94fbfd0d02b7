"""What pages show of recordings: rows, the timeline in words, who has seen what, how far the preparation is.

Takes what the guard let through (`Shown`), which names its viewer; never a bare row.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User, Viewer
from audit.models import Action, Entry
from consultations.models import Call, CallEvent, Participant
from recordings import retention
from recordings.guard import Shown
from recordings.models import Expiry, ProcessingJob, Recording, RetentionPeriod, Share
from recordings.spoken import FACTS, name_of, totals_of, watched

Status = Recording.Status
HOLES = {
    "paused": gettext_lazy("Off the record"),
    "damaged": gettext_lazy("These moments did not arrive"),
    "missing": gettext_lazy("These moments did not arrive"),
    "interrupted": gettext_lazy("The recording was interrupted"),
}


def kinds_text(timeline: list[dict[str, Any]]) -> str:
    """Say which modes follow each other: "audio, then video, then audio"."""
    words: list[str] = []
    for part in timeline:
        word = {"audio": _("audio"), "video": _("video")}.get(part["kind"])
        if word and words[-1:] != [word]:
            words.append(word)
    return _(", then ").join(words)


def other_name(shown: Shown) -> str:
    """Return whom the viewer spoke with, or whose consultation it is that they may watch."""
    recording = shown.recording
    if not shown.is_own:
        return recording.patient.name
    if recording.clinician.user_id == shown.viewer.pk:
        return recording.patient.name
    return recording.clinician.display_name


def rows(several: Iterable[Shown]) -> list[dict[str, Any]]:
    """Shape: rows of `_replays.html`. Queries: one, for what is shared with this viewer or waits for them."""
    at_hand = list(several)
    notes = share_notes(at_hand)
    return [{**row(shown), **notes.get(shown.recording.pk, {})} for shown in at_hand]


def share_notes(several: list[Shown]) -> dict[UUID, dict[str, Any]]:
    """Return by recording until when it is shared with this viewer, or that somebody asks its patient to share it."""
    standing = Share.objects.standing().filter(recording__in=[shown.recording.pk for shown in several])
    by_recording: dict[UUID, list[Share]] = {}
    for share in standing.order_by("expires_at"):
        by_recording.setdefault(share.recording_id, []).append(share)
    return {shown.recording.pk: _share_note(shown, by_recording.get(shown.recording.pk, [])) for shown in several}


def _share_note(shown: Shown, standing: list[Share]) -> dict[str, Any]:
    live = [share for share in standing if share.agreed_by_patient_at]
    if shown.is_own:
        asks = len(live) < len(standing) and shown.recording.patient.user_id == shown.viewer.pk
        return {"asks": asks, "shared_with": len(live)}
    return {"shared_until": max((s.expires_at for s in live if s.grantee_id == shown.viewer.pk), default=None)}


def row(shown: Shown) -> dict[str, Any]:
    """Shape: one row of `_replays.html`. Whoever it is shared with does not read why the patient came."""
    recording = shown.recording
    return {
        "pk": recording.pk,
        "title": recording.consultation.reason if shown.is_own else _("Recorded consultation"),
        "other_name": other_name(shown),
        "starts_at": recording.started_at,
        "duration_ms": recording.duration_ms,
        "modes_text": kinds_text(recording.timeline),
        "status": recording.status,
        "partial": recording.status == Status.PARTIAL,
        "paused": recording.is_paused,
        "url": reverse("recordings:detail", args=[recording.pk]),
    }


def kept_until(shown: Shown) -> datetime | None:
    """Return until when it is kept at least, None while its replay is not made."""
    return shown.recording.retain_until


def kept_sooner(shown: Shown, coming: RetentionPeriod | None) -> datetime | None:
    """Return the day that a period which is to come gives it, if that is before the one it has."""
    return retention.sooner(shown.recording, coming) if shown.is_own else None


def expired_at(shown: Shown) -> datetime | None:
    """Return when it was erased because its day had come."""
    return Expiry.objects.filter(recording=shown.recording.pk).values_list("erased_at", flat=True).first()


def shares(shown: Shown, standing: Iterable[Share]) -> list[dict[str, Any]]:
    """Shape: `shares` of `recordings/sharing.html`. `standing` are this recording's.

    SECURITY: whom they named and the address they typed, never what we know of the account behind it.
    """
    return [
        {
            "pk": share.pk,
            "name": share.name,
            "email": share.grantee.email.lower(),
            "reason": share.reason,
            "by": _("you") if share.granted_by_id == shown.viewer.pk else share.granted_by.name,
            "since": share.granted_at,
            "until": share.expires_at,
            "waits": share.agreed_by_patient_at is None,
            "may_end": shown.viewer.pk in (share.granted_by_id, shown.recording.patient.user_id),
        }
        for share in standing
    ]


def parts(shown: Shown) -> list[dict[str, Any]]:
    """Shape: `timeline` of `recordings/_timeline.html`; percent is a share of the whole, at least 1."""
    whole, asked = max(1, shown.recording.duration_ms or 1), _who_asked(shown)
    return [
        {
            "kind": part["kind"],
            "from_ms": part["from_ms"],
            "to_ms": part["to_ms"],
            "percent": max(1, round(100 * (part["to_ms"] - part["from_ms"]) / whole)),
            "text": str(HOLES.get(part.get("reason", ""), ""))
            if part["kind"] == "hole"
            else asked.get(part.get("segment"), ""),
        }
        for part in shown.recording.timeline
    ]


def _who_asked(shown: Shown) -> dict[int, str]:
    """Return by segment number who asked for the switch that began it, from the call's own log, for its people."""
    if not shown.is_own:
        return {}
    changes = CallEvent.objects.filter(call=shown.recording.call_id, kind="mode.changed")
    askers = {event.epoch: event.payload["by"] for event in changes}
    people = Participant.objects.in_bulk(list(askers.values()))
    asked = {}
    for number, epoch in shown.recording.segments.values_list("number", "epoch"):
        person = people.get(UUID(askers[epoch])) if epoch in askers else None
        if person is None:
            continue
        if person.user_id == shown.viewer.pk:
            asked[number] = _("asked by you")
        else:
            asked[number] = _("asked by %(name)s") % {"name": other_name(shown)}
    return asked


def audience_text(shown: Shown, note: dict[str, Any]) -> str:
    """Say who can watch this; `note` is this recording's of `share_notes`."""
    if not shown.is_own:
        facts = {"name": shown.recording.patient.name, "until": date_format(localtime(note["shared_until"]), "j F Y")}
        return _("%(name)s shared this with you until %(until)s") % facts
    facts = {"name": other_name(shown), "n": note["shared_with"]}
    if not note["shared_with"]:
        return _("Only you and %(name)s can watch this") % facts
    words = ngettext(
        "You, %(name)s and %(n)d other person can watch this",
        "You, %(name)s and %(n)d other people can watch this",
        note["shared_with"],
    )
    return words % facts


def accesses(replays: Iterable[Shown], viewer: Viewer, *, most: int = 20) -> list[dict[str, Any]]:
    """Return who opened these recordings and how long they watched, newest first. Shape: rows of `_accesses.html`.

    Everybody's last opening is among them, however often others came.
    """
    own = [one.recording.pk for one in replays if one.is_own]
    kinds = (Action.OPENED, Action.DOWNLOADED)
    opened = Entry.objects.filter(object_id__in=own, action__in=kinds).exclude(reason=FACTS)
    # By time: by number, the database would walk back through the whole ledger for what was hardly ever opened.
    newest = opened.order_by("-at", "-seq").values_list("seq", flat=True)[:most]
    last_of_each = opened.order_by().values("actor").annotate(last=Max("seq")).values_list("last", flat=True)
    entries = list(Entry.objects.filter(seq__in={*newest, *last_of_each}).order_by("-seq"))
    people = User.objects.select_related("clinician").in_bulk([entry.actor for entry in entries if entry.actor])
    told = totals_of(entries)
    return [_access(entry, people.get(entry.actor), viewer, told) for entry in entries]


def _access(entry: Entry, person: User | None, viewer: Viewer, told: dict[str, Entry]) -> dict[str, Any]:
    name = name_of(person) if person else _("Somebody")
    return {
        "who": _("You") if person and person.pk == viewer.pk else name,
        "role": _("clinician") if hasattr(person, "clinician") else "",
        "when": entry.at,
        "what": _("downloaded a copy") if entry.action == Action.DOWNLOADED else watched(entry, told) or _("opened"),
    }


WAITING = (Status.CAPTURING, Status.SEALED, Status.PROCESSING)
STAGES = list(ProcessingJob.Stage)
NOTHING = {"state": "none", "stage_text": "", "percent": 0, "waiting": False, "replay_url": ""}


def status_of(shown: Shown | None, consultation_id: UUID) -> dict[str, Any]:
    """Shape: `status` of `consultations/_recording_status.html`. For those who could never play it there is nothing."""
    if shown is None:
        live = Call.objects.filter(consultation=consultation_id, status=Call.Status.LIVE).exists()
        return {**NOTHING, "waiting": live}
    recording = shown.recording
    if recording.status in Recording.PLAYABLE:
        if recording.is_paused:
            return {**NOTHING, "state": "paused"}
        replay_url = reverse("recordings:detail", args=[recording.pk])
        return {**NOTHING, "state": recording.status, "percent": 100, "replay_url": replay_url}
    stage, percent = _stage_of(recording)
    is_waiting = recording.status in WAITING
    return {**NOTHING, "state": recording.status, "stage_text": stage, "percent": percent, "waiting": is_waiting}


def _stage_of(recording: Recording) -> tuple[str, int]:
    if recording.status not in (Status.SEALED, Status.PROCESSING):
        return _("Saving the last seconds"), 5
    job = recording.jobs.order_by("-created_at").first()
    step = STAGES.index(ProcessingJob.Stage(job.stage)) if job else 0
    return str(STAGES[step].label), 10 + round(85 * step / (len(STAGES) - 1))
