"""Removes notices that have served: whom the portal wrote to about what is kept no longer than it is of use."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from notices.models import Kind, Notice

AT_ONCE = 500
# These rows are how the portal knows that somebody was told already; without them it would tell them once more.
REMEMBERED = (Kind.NEW_VIEWER,)


def purge(*, now: datetime) -> int:
    """Remove what was sent, dropped or given up long ago; return how many. Idempotent because what is gone is gone."""
    before, removed = now - timedelta(days=settings.NOTICE_RETENTION_DAYS), 0
    ended = Q(sent_at__lt=before) | Q(dropped_at__lt=before) | Q(failed_at__lt=before)
    old = Notice.objects.filter(ended).exclude(kind__in=REMEMBERED)
    while batch := list(old.order_by("posted_at").values_list("pk", flat=True)[:AT_ONCE]):
        removed += Notice.objects.filter(pk__in=batch).delete()[0]
    return removed
