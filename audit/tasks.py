"""Background upkeep of the ledger and its alerts."""

from contextlib import suppress
from typing import Any

from celery import shared_task
from django.dispatch import receiver
from django.utils import timezone

from audit import alerts


@shared_task(name="audit.mail_alerts", soft_time_limit=60, time_limit=90)
def mail_alerts() -> None:
    """Tell whoever is on call. Idempotent because an alert's row says whether it was told."""
    alerts.mail(now=timezone.now())


@receiver(alerts.alert_raised)
def ring(**_: Any) -> None:
    """A doorbell that does not work is no loss, the next round finds the row."""
    with suppress(OSError, mail_alerts.OperationalError):
        mail_alerts.delay()
