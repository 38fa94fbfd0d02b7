"""Background upkeep of calls."""

from celery import shared_task
from django.utils import timezone

from consultations import calls


@shared_task(name="consultations.sweep", soft_time_limit=30, time_limit=60)
def sweep() -> None:
    """End calls that nobody holds any more. Idempotent because only live calls are ended."""
    calls.sweep(now=timezone.now())
