"""Takes what two people have discarded, a patient asked to delete, or had its day, out of the vault. Its rows stay as
tombstones: when, how much, whose."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from recordings import safe
from recordings.models import Chunk, DeletionRequest, Expiry, QuarantineDecision, Recording
from recordings.pipeline.publish import remove_leftovers

# The sweep rings for these again while they wait; more at a time would only lengthen the queue.
MOST_AT_ONCE = 20


def _confirmed() -> tuple[QuerySet[Any], ...]:
    """Return the decisions of which something may still be stored, each kind with the oldest first."""
    discarded = QuarantineDecision.objects.filter(
        what=QuarantineDecision.What.DISCARD, confirmed_at__isnull=False, emptied_at=None
    )
    asked = DeletionRequest.objects.filter(confirmed_at__isnull=False, emptied_at=None)
    expired = Expiry.objects.filter(emptied_at=None)
    return discarded.order_by("confirmed_at"), asked.order_by("confirmed_at"), expired.order_by("erased_at")


def waiting() -> list[UUID]:
    return [pk for rows in _confirmed() for pk in rows.values_list("pk", flat=True)[:MOST_AT_ONCE]]


def empty(decision_id: UUID, *, now: datetime) -> None:
    """Remove every object of the recording it is about. Errors: StoreUnavailable; the next round goes on."""
    for rows in _confirmed():
        for decision in rows.select_related("recording__patient").filter(pk=decision_id):
            _remove(decision.recording)
            rows.filter(pk=decision.pk).update(emptied_at=now)


def _remove(recording: Recording) -> None:
    vault = safe.vault()
    chunks = Chunk.objects.select_related("segment").filter(segment__recording=recording)
    for rendition in recording.renditions.all():
        vault.delete(safe.identity_of(rendition), recording.patient.vault_id)
    for chunk in chunks.iterator(chunk_size=200):
        vault.delete(safe.identity_of(chunk), recording.patient.vault_id)
    for job in recording.jobs.select_related("recording__patient"):
        remove_leftovers(job)
    recording.segments.update(wrapped_spool_key=b"")
