"""Somebody does not recognise who was at their recording: staff hear of it at once, look, and answer."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _

from accounts.models import User
from audit import alerts, ledger
from audit.ledger import Actor, Line
from audit.models import Action, Alert, AlertKind, Entry
from recordings import history, letters
from recordings.guard import Shown
from recordings.models import AccessReport

Outcome = AccessReport.Outcome


class CannotAnswer(Exception):
    """It cannot be answered; the text is a sentence for the member of staff."""


def report(shown: Shown, line: int, *, actor: Actor, now: datetime) -> AccessReport:
    """Tell staff of a line about one's own recording. Idempotent because a line is reported once by each person.

    Call it outside of transactions. Errors: Http404 for a line that is not there to be reported, LedgerUnavailable.
    """
    entry = history.lines_about(shown).filter(seq=line).first()
    if entry is None or not history.may_be_reported(entry, shown):
        raise Http404
    made, is_new = _written(shown, entry, actor, now)
    if is_new:
        alerts.raise_alert(
            AlertKind.NOT_RECOGNISED,
            actor=actor,
            now=now,
            object_type="accessreport",
            object_id=made.pk,
            patient=made.patient_id,
            detail=_detail(made, entry),
        )
    return made


@transaction.atomic
def _written(shown: Shown, entry: Entry, actor: Actor, now: datetime) -> tuple[AccessReport, bool]:
    recording = shown.recording
    made, is_new = AccessReport.objects.get_or_create(
        recording_id=recording.pk,
        line=entry.seq,
        reported_by_id=shown.viewer.pk,
        defaults={"patient_id": recording.patient_id, "reported_at": now},
    )
    if is_new:
        detail = _detail(made, entry) | {"report": str(made.pk)}
        ledger.append(
            actor, Line(Action.REPORTED, "recording", recording.pk, recording.patient_id, detail=detail), now=now
        )
    return made, is_new


def _detail(made: AccessReport, entry: Entry) -> dict[str, str | int]:
    return {"recording": str(made.recording_id), "line": entry.seq, "whose": str(entry.actor)}


def line_of(made: AccessReport) -> Entry:
    return Entry.objects.get(seq=made.line)


def demand_distance(made: AccessReport, by: User) -> None:
    """Errors: CannotAnswer for whoever it is about."""
    if by.pk in (line_of(made).actor, made.reported_by_id):
        raise CannotAnswer(_("This is about you, so a colleague answers."))


@transaction.atomic
def answer(report_id: UUID, *, outcome: Outcome, note: str, by: User, actor: Actor, now: datetime) -> None:
    """Say what came of it, for the person who asked, and close the alert. It is answered once.

    Errors: CannotAnswer, LedgerUnavailable.
    """
    made = AccessReport.objects.select_for_update().get(pk=report_id)
    if not note.strip():
        raise CannotAnswer(_("Say what was found and done: the person who asked reads it."))
    demand_distance(made, by)
    facts = {"outcome": outcome, "note": note.strip(), "handled_by": by, "handled_at": now}
    if not AccessReport.objects.filter(pk=made.pk, handled_at=None).update(**facts):
        raise CannotAnswer(_("Somebody has answered this already."))
    detail = {"report": str(made.pk), "line": made.line}
    line = Line(Action.HANDLED, "accessreport", made.pk, made.patient_id, reason=outcome.value, detail=detail)
    ledger.append(actor, line, now=now)
    letters.post_report_answered(made, now=now)
    for alert in Alert.objects.filter(kind=AlertKind.NOT_RECOGNISED, object_id=made.pk, handled_at=None):
        alerts.handle(alert, actor=actor, note=note, now=now)
