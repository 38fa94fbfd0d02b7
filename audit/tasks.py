"""Background upkeep of the ledger and its alerts."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.dispatch import receiver
from django.utils import timezone

from audit import alerts, checkpoints, ledger, spool, verification
from audit.checkpoints import LedgerBroken
from audit.models import Alert, AlertKind
from audit.signing import KeyUnusable

AN_HOUR = timedelta(hours=1)


@shared_task(name="audit.mail_alerts", soft_time_limit=60, time_limit=90)
def mail_alerts() -> None:
    """Tell whoever is on call. Idempotent because an alert's row says whether it was told."""
    alerts.mail(now=timezone.now())


@shared_task(name="audit.checkpoint", soft_time_limit=300, time_limit=330)
def checkpoint() -> None:
    """Anchor what was added. Idempotent because a checkpoint's number names a file that is written once."""
    try:
        checkpoints.write(now=timezone.now())
    except (LedgerBroken, KeyUnusable, OSError) as fault:
        _tell([f"No checkpoint could be written: {fault}"])


@shared_task(name="audit.verify", soft_time_limit=3600, time_limit=3660)
def verify(full: bool = False) -> None:
    """Verify the ledger, or what was added since the last time. Idempotent because it changes nothing it looks at."""
    try:
        report = verification.verify(full=full)
    except (KeyUnusable, OSError) as fault:
        _tell([f"The checkpoints could not be verified: {fault}"])
        return
    verification.record(report, now=timezone.now())
    if report.faults:
        _tell(report.faults)


def _tell(faults: list[str]) -> None:
    """Raise an alert, for the same matter once an hour."""
    now = timezone.now()
    known = Alert.objects.filter(kind=AlertKind.LEDGER_BROKEN, actor=None, object_type="", handled_at=None)
    if known.filter(last_at__gt=now - AN_HOUR).exists():
        return
    detail = {"faults": faults[:20]}
    alerts.raise_alert(AlertKind.LEDGER_BROKEN, actor=ledger.PORTAL, now=now, detail=detail)


@shared_task(name="audit.drain_spool", soft_time_limit=60, time_limit=90)
def drain_spool() -> None:
    """Append what waited for the ledger. Idempotent because each line carries the id it is looked for by."""
    spool.drain(now=timezone.now())


@receiver(ledger.many_written)
def ring_for_a_checkpoint(**_: Any) -> None:
    with suppress(OSError, checkpoint.OperationalError):
        checkpoint.delay()


@receiver(alerts.alert_raised)
def ring(**_: Any) -> None:
    """A doorbell that does not work is no loss, the next round finds the row."""
    with suppress(OSError, mail_alerts.OperationalError):
        mail_alerts.delay()
