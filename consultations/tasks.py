"""Background upkeep of calls and of the waiting list."""

from contextlib import suppress

from celery import shared_task
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from consultations import calls, modes, presence, reminders, signals, waiting_list
from consultations.schedule import Availability, TimeOff


@shared_task(name="consultations.sweep", soft_time_limit=30, time_limit=60)
def sweep() -> None:
    """Put right what no socket was there to do. Idempotent because each step ends what it looks for."""
    now = timezone.now()
    presence.drop_silent(now=now)
    modes.lapse_all(now=now)
    calls.sweep(now=now)


@shared_task(name="consultations.offer_free_times", soft_time_limit=50, time_limit=60)
def offer_free_times() -> None:
    """Offer what is free to whoever waits. Idempotent because the database keeps one open offer per wish and time."""
    waiting_list.sweep(now=timezone.now())


@shared_task(name="consultations.remind", soft_time_limit=50, time_limit=60)
def remind() -> None:
    """Owe reminders, and that a clinician waits. Idempotent because the database keeps each once."""
    reminders.post_all(now=timezone.now())


@receiver([signals.cancelled, signals.moved])
@receiver([post_save, post_delete], sender=Availability)
@receiver([post_save, post_delete], sender=TimeOff)
def ring(**_: object) -> None:
    """Ring the workers; a doorbell that does not work is no loss, the next round finds what is free."""
    transaction.on_commit(_ring)


def _ring() -> None:
    with suppress(OSError, offer_free_times.OperationalError):
        offer_free_times.delay()
