"""The outbox: what is owed is a row, written in the transaction of what it tells of. Sends nothing itself."""

from collections.abc import Iterable
from datetime import datetime
from smtplib import SMTPRecipientsRefused
from uuid import UUID

from django.db import models, transaction
from django.dispatch import Signal

from notices.models import Kind, Notice

# Sent once rows are committed; whoever rings the workers listens.
posted = Signal()


def notice(kind: Kind, to: UUID | None, about: models.Model, *, now: datetime, occasion: object = "") -> Notice | None:
    """Return a notice to be posted, or None for somebody without an account."""
    if to is None:
        return None
    return Notice(
        user_id=to,
        kind=kind,
        object_type=about._meta.model_name or "",
        object_id=about.pk,
        occasion=str(occasion),
        posted_at=now,
        due_at=now,
    )


def post(*notices: Notice | None) -> None:
    """Owe these notices. Idempotent because the database keeps one per person, kind, object and occasion."""
    owed = [one for one in notices if one is not None]
    if owed:
        Notice.objects.bulk_create(owed, ignore_conflicts=True)
        transaction.on_commit(lambda: posted.send(sender=Notice))


def is_held_up() -> bool:
    """Say whether what is owed waits because the server took nothing; one that refuses an address takes others."""
    tried = Notice.objects.pending().exclude(fault="")
    return tried.exclude(fault__startswith=SMTPRecipientsRefused.__name__).exists()


def send_again(failed: Iterable[UUID], *, now: datetime) -> int:
    """Let notices that failed have all their tries once more; return how many."""
    again = Notice.objects.filter(pk__in=list(failed), failed_at__isnull=False).update(
        failed_at=None, tries=0, due_at=now, claimed_until=None
    )
    if again:
        transaction.on_commit(lambda: posted.send(sender=Notice))
    return again
