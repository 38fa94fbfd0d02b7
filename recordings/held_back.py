"""What staff pages say of held-back recordings: facts, no content and nobody's name."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Prefetch, QuerySet, Subquery, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.models import Action, Entry
from recordings import capture, quarantine
from recordings.misfits import misfit
from recordings.models import ProcessingJob, QuarantineDecision, Recording, Segment

LIVE = (ProcessingJob.Status.QUEUED, ProcessingJob.Status.RUNNING)
What = QuarantineDecision.What
NOTHING = gettext_lazy("Nobody has proposed anything yet.")
RELEASED = gettext_lazy("Released; the replay is being prepared.")
PROPOSED = {
    What.RELEASE: gettext_lazy("To be released, once another person confirms it."),
    What.DISCARD: gettext_lazy("To be discarded, once another person confirms it."),
}


@dataclass(frozen=True)
class Row:
    """Shape of `facts`: names of `guard.FACTS`, `size` in bytes. `state` says in a sentence who has to do something."""

    facts: dict[str, Any]
    check: str
    may_be_released: bool
    state: str | Promise


def queue(*, now: datetime) -> list[Row]:
    """Return what is held back, the oldest first, by as many queries whether it is one or a hundred.

    A proposal that something has changed since is named here, and no longer on the recording's page.
    """
    return _rows(_with_facts(now).order_by("started_at"))


def row_of(recording: Recording, *, now: datetime) -> Row:
    """Return the row of one; its page says of the proposal whether it still holds, which takes a look at everything."""
    row = _rows(_with_facts(now).filter(pk=recording.pk))[0]
    if row.state == RELEASED:
        return row
    proposal = quarantine.open_decision(recording, now=now)
    return replace(row, state=PROPOSED[What(proposal.what)] if proposal else NOTHING)


def _with_facts(now: datetime) -> QuerySet[Any]:
    mine = {"recording": OuterRef("pk")}
    proposals = QuarantineDecision.objects.filter(
        **mine, confirmed_at=None, withdrawn_at=None, proposed_at__gt=now - quarantine.LAPSES_AFTER
    )
    return Recording.objects.filter(status=Recording.Status.QUARANTINED).annotate(
        parts=Count("segments", distinct=True),
        stored=Sum("segments__chunks__byte_length"),
        is_being_prepared=Exists(ProcessingJob.objects.filter(**mine, status__in=LIVE)),
        proposed=Subquery(proposals.values("what")[:1]),
    )


def _rows(recordings: QuerySet[Any]) -> list[Row]:
    held = list(recordings.prefetch_related(Prefetch("segments", capture.with_lengths(Segment.objects.all()))))
    parts = _parts_of(held)
    return [_row(one, parts.get((one.pk, one.reason))) for one in held]


def _row(recording: Any, part: int | None) -> Row:
    found = misfit(recording.reason)
    facts = {
        "id": recording.pk,
        "started_at": recording.started_at,
        "reason": str(found.says),
        "duration": _length(capture.covered_ms(recording.segments.all())),
        "size": recording.stored or 0,
        "segment_count": ngettext("%(n)d part", "%(n)d parts", recording.parts) % {"n": recording.parts},
        "stage": _("Part %(n)d") % {"n": part + 1} if part is not None else _("The recording as a whole"),
    }
    proposed = PROPOSED[recording.proposed] if recording.proposed else NOTHING
    state = RELEASED if recording.is_being_prepared else proposed
    return Row(facts, recording.reason, found.may_be_released, state)


def _parts_of(held: list[Recording]) -> dict[tuple[UUID, str], int | None]:
    """Return the number of the segment that did not match last, by recording and reason, as the ledger has it."""
    ids = [one.pk for one in held]
    lines = Entry.objects.filter(object_id__in=ids, action=Action.QUARANTINED).order_by("seq")
    return {(line.object_id, line.reason): line.detail.get("part") for line in lines if line.object_id}


def _length(milliseconds: int) -> str:
    return f"{milliseconds // 60_000}:{milliseconds // 1000 % 60:02d}"


def state_of(decision: QuarantineDecision, *, now: datetime) -> str:
    if decision.confirmed_at:
        return _("removed") if decision.emptied_at else _("confirmed")
    if decision.withdrawn_at:
        return _("withdrawn")
    return _("waits for another person") if quarantine.is_open(decision, now=now) else _("lapsed")
