"""The portal's one vault: the store and master key of this installation, and a patient's keyset.

The vault package knows no settings and no tables; this module joins it to both.
"""

from datetime import timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from patients.models import Patient, PatientKey
from recordings.models import Chunk, Rendition
from recordings.vault import (
    KeyRefused,
    MasterKey,
    ObjectIdentity,
    PatientKeyset,
    SeekableReader,
    Vault,
    create_master_key_file,
    open_store,
)


@cache
def vault() -> Vault:
    """Return this process's vault. Errors: StoreUnusable, MasterKeyUnusable, with a sentence saying what to do."""
    return Vault(open_store(settings.STORAGE_URL), MasterKey.load(settings.MASTER_KEY_URI))


def prepare_storage() -> None:
    """Make the default directory on the very first start of an embedded portal.

    Never again while any patient has a key, and no other place ever: a volume that is not mounted must be missed.
    """
    directory = settings.DATA_DIR / "storage"
    if directory.as_uri() == settings.STORAGE_URL and not PatientKey.objects.exists():
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)


def prepare_master_key() -> None:
    """Make the master key on the very first start of an embedded portal.

    Never again while any patient has a key: a new master key could not open what the old one wrapped.
    """
    address = urlsplit(settings.MASTER_KEY_URI)
    path = Path(address.path)
    if address.scheme != "file" or path.exists() or PatientKey.objects.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    create_master_key_file(path)


def active_keyset(patient: Patient) -> PatientKeyset:
    """Return the keyset new objects are written with, made when the patient never had one. Errors: KeyRefused."""
    with transaction.atomic():
        # RACE: two first chunks at once; the patient's row lets one of them make the key.
        Patient.objects.select_for_update().get(pk=patient.pk)
        key = PatientKey.objects.filter(patient=patient, retired_at=None).first()
        if key is None and PatientKey.objects.filter(patient=patient).exists():
            # SECURITY: somebody erased gets no new key by the way.
            raise KeyRefused
        if key is None:
            key = PatientKey.objects.create(
                patient=patient,
                version=1,
                wrapped_keyset=vault().new_key(patient.pk, 1),
                created_at=timezone.now(),
            )
    return _unwrapped(key)


def keyset(patient_id: UUID, version: int) -> PatientKeyset:
    """Errors: KeyRefused when that version is destroyed, unknown or not this patient's."""
    key = PatientKey.objects.filter(patient=patient_id, version=version).first()
    if key is None:
        raise KeyRefused
    return _unwrapped(key)


def _unwrapped(key: PatientKey) -> PatientKeyset:
    if key.wrapped_keyset is None:
        vault().forget(key.patient_id)
        raise KeyRefused
    return vault().keyset(key.patient_id, key.version, key.wrapped_keyset)


def sweep_storage(*, older_than: timedelta) -> int:
    """Remove beginnings of objects whose writers were killed; return how many."""
    return vault().sweep(older_than.total_seconds())


def identity_of(row: Chunk | Rendition) -> ObjectIdentity:
    """Return who this object belongs to, read from its row and its parents' rows."""
    recording_id = row.segment.recording_id if isinstance(row, Chunk) else row.recording_id
    return ObjectIdentity(row.patient_id, recording_id, row.pk, row.key_version)


def open_object(row: Chunk | Rendition, vault_id: UUID) -> SeekableReader:
    """Open what a row describes; checked before any byte of it is given out.

    Errors: Missing, Damaged, NotThisObject, KeyRefused, StoreUnavailable.
    """
    return vault().open(
        identity_of(row),
        vault_id,
        keyset(row.patient_id, row.key_version),
        plaintext_length=row.byte_length,
        header=row.header,
    )
