"""What is missing from a recording or not ready yet, since when until when and why, in words for its two people.

Takes what the guard let through (`Shown`); never a bare row.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min
from django.urls import reverse
from django.utils.translation import gettext_lazy

from consultations.models import CallEvent
from recordings import pages
from recordings.guard import Shown
from recordings.models import Recording

# A recorder says what stopped it, and a socket that it was lost, a little before or after the bytes end.
AROUND = timedelta(seconds=20)
WHY = {
    "paused": gettext_lazy("Off the record: somebody had taken back their consent."),
    "damaged": gettext_lazy("It was saved and could not be read afterwards."),
    "missing": gettext_lazy("It was recorded and never arrived here."),
    "interrupted": gettext_lazy("Nothing was recorded: the recorder had stopped and began anew."),
    "fault": gettext_lazy("The recorder in the clinician’s browser reported a fault and began anew."),
    "lost": gettext_lazy("The clinician’s page had lost its connection or was closed."),
}
STATES = {
    Recording.Status.CAPTURING: gettext_lazy("It is being saved."),
    Recording.Status.SEALED: gettext_lazy("It is being prepared."),
    Recording.Status.PROCESSING: gettext_lazy("It is being prepared."),
    Recording.Status.PARTIAL: gettext_lazy("It can be watched. Some moments are missing."),
    Recording.Status.QUARANTINED: gettext_lazy(
        "It is held back for a check. Nobody can watch it; you have nothing to do."
    ),
    Recording.Status.FAILED: gettext_lazy("Preparing it did not work. What was recorded is kept, and staff see it."),
    Recording.Status.WITHDRAWN: gettext_lazy("It was withdrawn. Nobody can watch it."),
}


def holes(shown: Shown) -> list[dict[str, Any]]:
    """Return what is missing, in order. Shape: `from_ms`, `to_ms` of the replay; `since`, `until` of the day; `why`.

    Whoever it is shared with is told where, on the timeline, and not why.
    """
    if not shown.is_own:
        return []
    recording = shown.recording
    gaps = [part for part in recording.timeline if part["kind"] == "hole"]
    if not gaps:
        return []
    first_ms = recording.segments.aggregate(first=Min("t0_ms"))["first"] or 0
    zero = recording.started_at + timedelta(milliseconds=first_ms)
    faults = _moments_of_faults(shown)
    return [_hole(gap, zero, faults) for gap in gaps]


def _hole(gap: dict[str, Any], zero: datetime, faults: dict[str, list[datetime]]) -> dict[str, Any]:
    since, until = (zero + timedelta(milliseconds=gap[end]) for end in ("from_ms", "to_ms"))
    why = gap.get("reason", "interrupted")
    if why == "interrupted":
        known = (kind for kind, moments in faults.items() if any(since - AROUND <= m <= until for m in moments))
        why = next(known, why)
    return {"from_ms": gap["from_ms"], "to_ms": gap["to_ms"], "since": since, "until": until, "why": str(WHY[why])}


def _moments_of_faults(shown: Shown) -> dict[str, list[datetime]]:
    """Return when the call's own log has a fault of the recorder, and when the clinician's page was lost."""
    moments: dict[str, list[datetime]] = {"fault": [], "lost": []}
    for event in CallEvent.objects.filter(call=shown.recording.call_id, kind__in=("rec.fault", "left")):
        if event.kind == "rec.fault":
            moments["fault"].append(event.at)
        elif event.payload.get("participant", {}).get("role") == "clinician":
            moments["lost"].append(event.at)
    return moments


def rows(several: Iterable[Shown]) -> list[dict[str, Any]]:
    """Shape: rows of `clinic/_unfinished.html`."""
    return [
        {
            "title": shown.recording.consultation.reason,
            "other_name": pages.other_name(shown),
            "starts_at": shown.recording.started_at,
            "state": str(STATES.get(Recording.Status(shown.recording.status), "")),
            "holes": holes(shown),
            "url": reverse("consultations:detail", args=[shown.recording.consultation_id]),
        }
        for shown in several
    ]
