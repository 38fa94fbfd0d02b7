"""Everything the ledger says of a recording, in words, for its two people: who, in which role, when, what and why.

A viewing is one line with its seconds, and somebody's listings of a day are one line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User
from accounts.paging import Part, part
from audit.models import Action, Entry
from recordings.guard import Shown
from recordings.models import AccessReport, PlaybackRevocation, Share
from recordings.revocations import WhyBack
from recordings.spoken import FACTS, name_of, totals_of, watched

PER_PAGE = 25
# Told in other lines: seconds stand with their viewing, a report with the line it is about.
ELSEWHERE = (Action.LISTED, Action.WATCHED, Action.REPORTED)
WORDS = {
    Action.ASKED: gettext_lazy("asked that it be deleted"),
    Action.ANSWERED: gettext_lazy("answered that it must be kept"),
    Action.REFUSED: gettext_lazy("tried to open it and was refused"),
    Action.PAUSED: gettext_lazy("asked for it while it was paused"),
    Action.PUBLISHED: gettext_lazy("prepared the replay"),
    Action.RETRIED: gettext_lazy("had it prepared once more"),
    Action.DOWNLOADED: gettext_lazy("downloaded a copy"),
    Action.QUARANTINED: gettext_lazy("held it back for a check"),
    Action.HANDLED: gettext_lazy("looked into why it is held back"),
    Action.RELEASED: gettext_lazy("released it after a check"),
    Action.DISCARDED: gettext_lazy("removed it for good after a check"),
    Action.ALERTED: gettext_lazy("something unusual happened, and staff were told"),
    Action.SUSPENDED: gettext_lazy("paused it for everybody"),
    Action.RESUMED: gettext_lazy("let it be watched again"),
    Action.GRANTED: gettext_lazy("gave %(name)s the right to watch"),
    Action.REVOKED: gettext_lazy("took from %(name)s the right to watch"),
    Action.SHARED: gettext_lazy("shared it with %(name)s until %(until)s"),
    Action.PROPOSED: gettext_lazy("proposed to share it with %(name)s until %(until)s"),
    Action.AGREED: gettext_lazy("agreed to share it with %(name)s until %(until)s"),
}
BY_REASON = {
    (Action.OPENED, FACTS): gettext_lazy("looked at its state and dates, not at what it holds"),
    (Action.UNSHARED, "withdrawn"): gettext_lazy("ended the share with %(name)s"),
    (Action.UNSHARED, "declined"): gettext_lazy("decided that it is not shared with %(name)s"),
    (Action.UNSHARED, "ran_out"): gettext_lazy("closed the share with %(name)s: its time was over"),
    (Action.ASKED, "keep"): gettext_lazy("took the request to delete it back"),
    (Action.HANDLED, "deletion_proposed"): gettext_lazy("proposed to delete it, as was asked"),
    (Action.HANDLED, "deletion_withdrawn"): gettext_lazy("took the proposal to delete it back"),
    (Action.CHANGED, "kept_longer"): gettext_lazy("put off the day until which it is kept, to %(until)s"),
    (Action.CHANGED, "kept_shorter"): gettext_lazy("brought the day until which it is kept forward, to %(until)s"),
    (Action.CHANGED, "hold_set"): gettext_lazy("put it under a legal hold, so that it is kept"),
    (Action.CHANGED, "hold_lifted"): gettext_lazy("lifted the legal hold"),
    (Action.DISCARDED, "day_has_come"): gettext_lazy("deleted it for good: the time for which it is kept was over"),
    (Action.DISCARDED, "patient_asked"): gettext_lazy("deleted it for good, as was asked"),
}
WHY_REFUSED = {
    "stranger": gettext_lazy("nothing gives them the right"),
    "copy_not_theirs": gettext_lazy("only the patient may keep a copy"),
    "not_of_it": gettext_lazy("they may watch it and nothing more"),
    "revoked": gettext_lazy("their right was taken"),
    "share_ran_out": gettext_lazy("the time of the share was over"),
    "basis_lapsed": gettext_lazy("their account is closed"),
    "suspended": gettext_lazy("it was paused"),
}


def lines_about(shown: Shown) -> QuerySet[Entry]:
    """Return the lines of the ledger to be told, newest first. Errors: ValueError for a share holder."""
    if not shown.is_own:
        raise ValueError("Who has seen a recording is for its two people.")
    recording = shown.recording
    about = Entry.objects.filter(object_type="recording", object_id=recording.pk)
    paused = Entry.objects.filter(
        Q(reason="patient") | Q(reason="recording", detail__of=str(recording.pk)),
        object_type="suspension",
        patient=recording.patient_id,
    )
    told, last_listings = about.exclude(action__in=ELSEWHERE), _listings(about).values_list("last")
    # Each by its own index; as conditions of one query they would be looked for in the whole ledger.
    lines = told.values_list("seq").union(paused.values_list("seq"), last_listings)
    return Entry.objects.filter(seq__in=lines).order_by("-seq")


def _listings(about: QuerySet[Entry]) -> QuerySet[Any, Any]:
    """Group listings by person and day of whoever reads. Shape: actor, day, last (number of a line), times."""
    listed = about.filter(action=Action.LISTED).order_by().annotate(day=TruncDate("at"))
    return listed.values("actor", "day").annotate(last=Max("seq"), times=Count("seq"))


@dataclass(frozen=True)
class _Known:
    """What is read once for all lines of a page."""

    shown: Shown
    people: dict[UUID, User]
    shares: dict[UUID, Share]
    grantees: set[UUID]
    totals: dict[str, Entry]
    listed: dict[int, int]
    reports: dict[int, AccessReport]


def page_of(shown: Shown, number: str | None) -> Part[Any]:
    """Return a page of rows. Shape: rows of `recordings/_history.html`. Errors: ValueError for a share holder."""
    lines = lines_about(shown)
    page = part(number, PER_PAGE, lambda between: lines[between])
    known = _known(shown, page.rows)
    return Part([_row(entry, known) for entry in page], page.number, page.has_next)


def _known(shown: Shown, entries: Sequence[Entry]) -> _Known:
    recording = shown.recording
    shares = Share.objects.filter(recording=recording.pk).in_bulk()
    ids = {entry.actor for entry in entries} | {_other(entry) for entry in entries}
    people = User.objects.select_related("clinician").in_bulk([one for one in ids if one])
    about = Entry.objects.filter(object_type="recording", object_id=recording.pk)
    last = [entry.seq for entry in entries if entry.action == Action.LISTED]
    listed = {group["last"]: group["times"] for group in _listings(about) if group["last"] in last}
    reports = AccessReport.objects.filter(recording=recording.pk, reported_by=shown.viewer.pk)
    return _Known(
        shown,
        people,
        shares,
        {share.grantee_id for share in shares.values() if share.agreed_by_patient_at},
        totals_of([entry for entry in entries if entry.action == Action.OPENED]),
        listed,
        {report.line: report for report in reports.filter(line__in=[entry.seq for entry in entries])},
    )


def _other(entry: Entry) -> UUID | None:
    """Return whom a line is about beside its actor: who was given or lost something."""
    other = entry.detail.get("to") or entry.detail.get("from")
    return UUID(other) if other else None


def _row(entry: Entry, known: _Known) -> dict[str, Any]:
    report = known.reports.get(entry.seq)
    return {
        "line": entry.seq,
        "who": _who(entry.actor, known),
        "role": _role(entry.actor, known),
        "when": entry.at,
        "what": _what(entry, known),
        "why": _why(entry),
        "may_report": may_be_reported(entry, known.shown) and report is None,
        "report": report,
        "outcome": report.get_outcome_display() if report else "",
    }


def may_be_reported(entry: Entry, shown: Shown) -> bool:
    """Say whether somebody else did it: oneself and the portal are recognised."""
    return entry.actor is not None and entry.actor != shown.viewer.pk


def _who(user_id: UUID | None, known: _Known) -> str:
    # SECURITY: names of those who belong to it, were let in or work here; the others are for staff to find out.
    if user_id is None:
        return _("The portal")
    if user_id == known.shown.viewer.pk:
        return _("You")
    person = known.people.get(user_id)
    if person is None or not _role(user_id, known):
        return _("Somebody else with an account here")
    return name_of(person)


def _role(user_id: UUID | None, known: _Known) -> str:
    recording, person = known.shown.recording, known.people.get(user_id) if user_id else None
    if person is None:
        return ""
    if person.pk == recording.patient.user_id:
        return _("patient")
    if person.pk == recording.clinician.user_id:
        return _("clinician of this consultation")
    if person.pk in known.grantees:
        return _("it was shared with them")
    if person.is_staff:
        return _("staff")
    return _("another clinician") if hasattr(person, "clinician") else ""


def _what(entry: Entry, known: _Known) -> str:
    if entry.action == Action.LISTED:
        times = known.listed.get(entry.seq, 1)
        return ngettext("saw it in a list", "saw it in a list, %(n)d times that day", times) % {"n": times}
    if entry.action == Action.OPENED and entry.reason != FACTS:
        return watched(entry, known.totals) or _("opened it")
    if entry.action == Action.REFUSED and entry.reason.startswith("replay_"):
        return _("could not be shown it: what is stored could not be read")
    action = Action(entry.action)
    words = BY_REASON.get((action, entry.reason)) or WORDS.get(action) or ""
    until = parse_datetime(entry.detail.get("until", ""))
    facts = {"name": _named(entry, known), "until": date_format(localtime(until), "j M Y") if until else ""}
    return str(words) % facts


def _named(entry: Entry, known: _Known) -> str:
    """Return whom the line is about, in the words of whoever shared where it was a share."""
    share = known.shares.get(UUID(entry.detail["share"])) if "share" in entry.detail else None
    if share is not None:
        return share.name
    other = _other(entry)
    return _("you") if other == known.shown.viewer.pk else _who(other, known)


def _why(entry: Entry) -> str:
    if entry.action == Action.REFUSED:
        return str(WHY_REFUSED.get(entry.reason, ""))
    if entry.action == Action.REVOKED and entry.reason in PlaybackRevocation.Why.values:
        return str(PlaybackRevocation.Why(entry.reason).label)
    if entry.action == Action.GRANTED and entry.detail.get("why") in WhyBack.values:
        return str(WhyBack(entry.detail["why"]).label)
    return ""
