"""Background delivery of notices."""

from contextlib import suppress

from celery import shared_task
from django.dispatch import receiver
from django.utils import timezone

from notices import delivery, outbox, upkeep


@shared_task(name="notices.deliver", soft_time_limit=600, time_limit=660)
def deliver() -> None:
    """Send what is due. Idempotent because the rows say what was sent, and one worker at a time holds each."""
    delivery.deliver(now=timezone.now())


@shared_task(name="notices.purge", soft_time_limit=600, time_limit=660)
def purge() -> None:
    """Remove notices that have served. Idempotent because what is gone is gone."""
    upkeep.purge(now=timezone.now())


@receiver(outbox.posted)
def ring(**_: object) -> None:
    """Ring the workers; a doorbell that does not work is no loss, the next round finds the rows."""
    with suppress(OSError, deliver.OperationalError):
        deliver.delay()
