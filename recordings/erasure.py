"""Takes what two people have discarded out of the vault. Its rows stay as tombstones: when, how much, whose."""

from datetime import datetime
from uuid import UUID

from recordings import safe
from recordings.models import Chunk, QuarantineDecision
from recordings.pipeline.publish import remove_leftovers


def waiting() -> list[UUID]:
    """Return the decisions of which something may still be stored."""
    discarded = QuarantineDecision.objects.filter(
        what=QuarantineDecision.What.DISCARD, confirmed_at__isnull=False, emptied_at=None
    )
    return list(discarded.order_by("confirmed_at").values_list("pk", flat=True))


def empty(decision_id: UUID, *, now: datetime) -> None:
    """Remove every object of the discarded recording. Errors: StoreUnavailable; the next round goes on."""
    decision = (
        QuarantineDecision.objects.select_related("recording__patient").filter(pk__in=waiting()).get(pk=decision_id)
    )
    recording, vault = decision.recording, safe.vault()
    chunks = Chunk.objects.select_related("segment").filter(segment__recording=recording)
    for rendition in recording.renditions.all():
        vault.delete(safe.identity_of(rendition), recording.patient.vault_id)
    for chunk in chunks.iterator(chunk_size=200):
        vault.delete(safe.identity_of(chunk), recording.patient.vault_id)
    for job in recording.jobs.select_related("recording__patient"):
        remove_leftovers(job)
    recording.segments.update(wrapped_spool_key=b"")
    QuarantineDecision.objects.filter(pk=decision.pk).update(emptied_at=now)
