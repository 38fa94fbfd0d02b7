"""Changes keys: all keysets to another master key, or one patient to another keyset. What is stored stays readable."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from patients.models import Patient, PatientKey
from recordings import safe
from recordings.vault import KeyRefused, MasterKey, MasterKeyUnusable, rewrap, unwrap


class KeyOfAnotherMaster(Exception):
    """A keyset that neither master key opens; the text says whose."""


@transaction.atomic
def change_master_key(old: MasterKey, new: MasterKey) -> tuple[int, int]:
    """Wrap every keyset with the new master key: all of them or, on any error, none. Idempotent.

    Returns how many were wrapped, and how many the new key opened already. Each is opened again before it is stored.
    Errors: KeyOfAnotherMaster, MasterKeyUnusable. Locks: every row of `PatientKey` that holds a keyset.
    """
    wrapped = known = 0
    keys = PatientKey.objects.select_for_update().exclude(wrapped_keyset=None).order_by("pk")
    for key in keys:
        old_form = bytes(key.wrapped_keyset or b"")
        if _opens(new, key, old_form):
            known += 1
            continue
        try:
            new_form = rewrap(old, new, old_form, key.patient_id, key.version)
        except KeyRefused as error:
            raise KeyOfAnotherMaster(f"Neither master key opens version {key.version} of {key.patient_id}.") from error
        if not _opens(new, key, new_form):
            raise MasterKeyUnusable("The new master key does not open what it has just sealed.")
        PatientKey.objects.filter(pk=key.pk).update(wrapped_keyset=new_form)
        wrapped += 1
    return wrapped, known


def _opens(master: MasterKey, key: PatientKey, wrapped: bytes) -> bool:
    try:
        unwrap(master, wrapped, key.patient_id, key.version)
    except KeyRefused:
        return False
    return True


@transaction.atomic
def renew_keyset(patient_id: UUID) -> int:
    """Give a patient a new keyset for what will be recorded; return its version.

    Errors: KeyRefused for somebody who has none or whose keys were destroyed. Locks: the patient's row.
    """
    # RACE: a first chunk at the same time makes version 1 under the same lock.
    patient = Patient.objects.select_for_update().get(pk=patient_id)
    now = timezone.now()
    if not PatientKey.objects.filter(patient=patient, retired_at=None, destroyed_at=None).update(retired_at=now):
        raise KeyRefused
    version = PatientKey.objects.filter(patient=patient).latest("version").version + 1
    keyset = safe.vault().new_key(patient.pk, version)
    PatientKey.objects.create(patient=patient, version=version, wrapped_keyset=keyset, created_at=now)
    return int(version)
