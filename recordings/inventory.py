"""Takes stock of the vault: whether everything the database names is stored as it was recorded."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from patients.models import PatientKey
from recordings import safe
from recordings.models import Chunk, Recording, Rendition
from recordings.vault import Damaged, KeyRefused, Missing, NotThisObject


@dataclass(frozen=True)
class Finding:
    """What was found of one object. `fault` is empty for what is sound, and for what was erased."""

    kind: str
    object_id: UUID
    recording_id: UUID
    is_erased: bool = False
    fault: str = ""


def findings(recording_id: UUID | None = None) -> Iterator[Finding]:
    """Read every object from its first to its last byte, or those of one recording.

    Errors: StoreUnavailable, MasterKeyUnusable; what was not looked at then is neither sound nor faulty.
    """
    for row in _rows(recording_id):
        recording = row.segment.recording_id if isinstance(row, Chunk) else row.recording_id
        destroyed = PatientKey.objects.filter(
            patient=row.patient_id, version=row.key_version, destroyed_at__isnull=False
        )
        is_erased = (
            destroyed.exists() or Recording.objects.filter(pk=recording, status=Recording.Status.ERASED).exists()
        )
        fault = "" if is_erased else _fault_of(row)
        yield Finding(row._meta.model_name or "", row.pk, recording, is_erased, fault)


def _rows(recording_id: UUID | None) -> Iterator[Chunk | Rendition]:
    renditions = Rendition.objects.select_related("patient").order_by("recording", "version", "pk")
    chunks = Chunk.objects.select_related("patient", "segment").order_by("segment__recording", "segment", "number")
    if recording_id is not None:
        renditions, chunks = renditions.filter(recording=recording_id), chunks.filter(segment__recording=recording_id)
    yield from renditions.iterator(chunk_size=200)
    yield from chunks.iterator(chunk_size=200)


def _fault_of(row: Chunk | Rendition) -> str:
    """Return what is wrong, in a word; the length, the header and every byte are compared with the row."""
    try:
        with safe.open_object(row, row.patient.vault_id) as reader:
            reader.demand_whole(row.sha256)
    except (Missing, Damaged, NotThisObject, KeyRefused) as fault:
        return type(fault).__name__.lower()
    return ""
