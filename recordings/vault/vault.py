"""The vault: one patient's objects, under that patient's key, in that patient's place."""

from typing import BinaryIO
from uuid import UUID

from . import keys
from .cache import KeysetCache
from .identity import ObjectIdentity, Stored
from .keys import PatientKeyset
from .master import MasterKey
from .stores import Store
from .stream import Chunks, Sealed, SeekableReader, encrypt

CACHED_KEYSETS = 256


class Vault:
    """Joins a store and a master key. Who may read what is decided before it is called."""

    def __init__(self, store: Store, master: MasterKey, *, cached_keysets: int = CACHED_KEYSETS) -> None:
        self._store = store
        self._master = master
        self._keysets = KeysetCache(cached_keysets)

    def new_key(self, patient_id: UUID, version: int) -> bytes:
        """Return a new wrapped keyset for the patient's row."""
        return keys.new_wrapped_keyset(self._master, patient_id, version)

    def keyset(self, patient_id: UUID, version: int, wrapped: Stored) -> PatientKeyset:
        """Errors: KeyRefused when the row holds another patient's or version's keyset."""
        return self._keysets.get(
            patient_id,
            version,
            bytes(wrapped),
            lambda: keys.unwrap(self._master, wrapped, patient_id, version),
        )

    def forget(self, patient_id: UUID) -> None:
        """Drop the patient's keysets from this process's memory."""
        self._keysets.forget(patient_id)

    def write(
        self,
        identity: ObjectIdentity,
        vault_id: UUID,
        keyset: PatientKeyset,
        source: Chunks | BinaryIO,
    ) -> Sealed:
        """Encrypt and store an object; once this returns, it survives a power cut.

        Errors: AlreadyStored, NotThisObject, StoreFull, StoreUnavailable; nothing is stored then.
        """
        return self._store.put(
            vault_id,
            identity.recording,
            identity.object,
            lambda dest: encrypt(keyset, identity, source, dest),
        )

    def open(
        self,
        identity: ObjectIdentity,
        vault_id: UUID,
        keyset: PatientKeyset,
        *,
        plaintext_length: int,
        header: Stored,
    ) -> SeekableReader:
        """Return a reader of the object the row describes; closing it closes the file.

        Errors: Missing, NotThisObject, Damaged, StoreUnavailable.
        """
        file = self._store.open(vault_id, identity.recording, identity.object)
        try:
            return SeekableReader(file, keyset, identity, expected_length=plaintext_length, expected_header=header)
        except BaseException:
            file.close()
            raise

    def check(self) -> None:
        """Ask the storage for a sign of life. Errors: StoreUnavailable."""
        self._store.check()

    def sweep(self, older_than_s: float) -> int:
        """Remove beginnings of objects whose writers were killed; return how many."""
        return self._store.sweep(older_than_s)

    def delete(self, identity: ObjectIdentity, vault_id: UUID) -> bool:
        """Remove an object; False if nothing was stored there."""
        return self._store.delete(vault_id, identity.recording, identity.object)

    def verify(
        self,
        identity: ObjectIdentity,
        vault_id: UUID,
        keyset: PatientKeyset,
        *,
        plaintext_length: int,
        header: Stored,
        sha256: Stored,
    ) -> None:
        """Read the whole object and compare its plaintext with the SHA-256 on record.

        Errors: those of open(), and Damaged.
        """
        with self.open(identity, vault_id, keyset, plaintext_length=plaintext_length, header=header) as reader:
            reader.demand_whole(sha256)
