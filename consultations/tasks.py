"""Background upkeep of calls."""

from celery import shared_task
from django.utils import timezone

from consultations import calls, modes, presence


@shared_task(name="consultations.sweep", soft_time_limit=30, time_limit=60)
def sweep() -> None:
    """Put right what no socket was there to do. Idempotent because each step ends what it looks for."""
    now = timezone.now()
    presence.drop_silent(now=now)
    modes.lapse_all(now=now)
    calls.sweep(now=now)
