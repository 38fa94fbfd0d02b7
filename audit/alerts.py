"""Raises alerts: a line in the ledger, a row for the staff, a line in the log, a letter to whoever is on call.

An alert never stands in the way of the refusal that it tells of: what cannot be written is at least in the log.
"""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db import DatabaseError, transaction
from django.db.models import F
from django.dispatch import Signal

from audit import ledger, spool
from audit.ledger import Actor, LedgerUnavailable, Line
from audit.models import Action, Alert, AlertKind

# Sent after the alert's transaction, with `alert_id`.
alert_raised = Signal()
log = logging.getLogger(__name__)


def raise_alert(
    kind: AlertKind,
    *,
    actor: Actor,
    now: datetime,
    object_type: str = "",
    object_id: UUID | None = None,
    patient: UUID | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Say that something happened that must not. Call it outside of a transaction that may still be rolled back.

    `detail` holds ids and words of closed vocabularies, never names or content.
    """
    log.critical("%s: %s %s, by %s, %s", kind.value, object_type, object_id, actor.id, detail or {})
    matter = {"kind": kind, "actor": actor.id, "object_type": object_type, "object_id": object_id, "patient": patient}
    try:
        with transaction.atomic():
            line = Line(Action.ALERTED, object_type, object_id, patient, reason=kind.value, detail=detail or {})
            spool.append_or_spool(actor, line, now=now)
            # RACE: the ledger's lock is held from here to the end, so two of the same matter meet one after the other.
            # Where the line had to be spooled they may become two rows, which is no harm.
            if Alert.objects.filter(**matter, handled_at=None).update(times=F("times") + 1, last_at=now):
                return
            alert = Alert.objects.create(**matter, raised_at=now, last_at=now, detail=detail or {})
            transaction.on_commit(lambda: alert_raised.send(sender=Alert, alert_id=alert.pk))
    except (DatabaseError, LedgerUnavailable):
        log.critical("the alert above could not be written down", exc_info=True)


def handle(alert: Alert, *, actor: Actor, note: str, now: datetime) -> None:
    """Close an alert with what was found and done. Errors: ValueError without a note, LedgerUnavailable."""
    if not note.strip() or actor.id is None:
        raise ValueError("An alert is closed by a person who says what was found and done.")
    with transaction.atomic():
        closed = Alert.objects.filter(pk=alert.pk, handled_at=None).update(
            handled_at=now, handled_by=actor.id, note=note.strip()
        )
        if closed:
            ledger.append(actor, Line(Action.HANDLED, "alert", alert.pk, alert.patient), now=now)


def mail(*, now: datetime) -> int:
    """Write to ALERT_EMAILS about alerts that nobody was told of; return how many. No ids of patients, no content."""
    waiting = list(Alert.objects.filter(mailed_at=None, handled_at=None).order_by("raised_at"))
    if not waiting or not settings.ALERT_EMAILS:
        return 0
    lines = [f"{alert.raised_at:%Y-%m-%d %H:%M:%S} UTC  {alert.get_kind_display()}" for alert in waiting]
    text = "\n".join([*lines, "", "Please open Alerts in the staff site."])
    send_mail(f"{len(waiting)} alert(s) of the telehealth portal", text, None, settings.ALERT_EMAILS)
    return Alert.objects.filter(pk__in=[alert.pk for alert in waiting]).update(mailed_at=now)
