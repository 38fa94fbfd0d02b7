"""What staff pages say of held-back recordings: facts, no content and nobody's name."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.models import Action, Entry
from recordings import capture, quarantine
from recordings.misfits import misfit
from recordings.models import ProcessingJob, QuarantineDecision, Recording

LIVE = (ProcessingJob.Status.QUEUED, ProcessingJob.Status.RUNNING)


@dataclass(frozen=True)
class Row:
    """Shape of `facts`: names of `guard.FACTS`, `size` in bytes. `state` says in a sentence who has to do something."""

    facts: dict[str, Any]
    check: str
    may_be_released: bool
    state: str


def queue(*, now: datetime) -> list[Row]:
    """Return what is held back, the oldest first."""
    return [row_of(recording, now=now) for recording in _with_sizes().order_by("started_at")]


def row_of(recording: Recording, *, now: datetime) -> Row:
    counted = _with_sizes().get(pk=recording.pk)
    found = misfit(recording.reason)
    part = _part_of(recording)
    facts = {
        "id": recording.pk,
        "started_at": recording.started_at,
        "reason": str(found.says),
        "duration": _length(capture.saved_ms(recording)),
        "size": counted.stored or 0,
        "segment_count": ngettext("%(n)d part", "%(n)d parts", counted.parts) % {"n": counted.parts},
        "stage": _("Part %(n)d") % {"n": part + 1} if part is not None else _("The recording as a whole"),
    }
    return Row(facts, recording.reason, found.may_be_released, _state(recording, now))


def _with_sizes() -> QuerySet[Any]:
    held = Recording.objects.filter(status=Recording.Status.QUARANTINED)
    return held.annotate(parts=Count("segments", distinct=True), stored=Sum("segments__chunks__byte_length"))


def _part_of(recording: Recording) -> int | None:
    """Return the number of the segment that did not match, as the ledger has it."""
    lines = Entry.objects.filter(object_id=recording.pk, action=Action.QUARANTINED, reason=recording.reason)
    last = lines.order_by("-seq").first()
    return last.detail.get("part") if last else None


def _length(milliseconds: int) -> str:
    return f"{milliseconds // 60_000}:{milliseconds // 1000 % 60:02d}"


def _state(recording: Recording, now: datetime) -> str:
    if recording.jobs.filter(status__in=LIVE).exists():
        return _("Released; the replay is being prepared.")
    proposal = quarantine.open_decision(recording, now=now)
    if proposal is None:
        return _("Nobody has proposed anything yet.")
    if proposal.what == QuarantineDecision.What.RELEASE:
        return _("To be released, once another person confirms it.")
    return _("To be discarded, once another person confirms it.")


def state_of(decision: QuarantineDecision, *, now: datetime) -> str:
    if decision.confirmed_at:
        return _("removed") if decision.emptied_at else _("confirmed")
    if decision.withdrawn_at:
        return _("withdrawn")
    return _("waits for another person") if quarantine.is_open(decision, now=now) else _("lapsed")
