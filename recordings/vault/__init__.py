"""Keeps each patient's recordings under that patient's key, in that patient's place.

Master key -> keyset per patient and version -> one Tink AES-GCM-HKDF stream per object, bound to
patient, recording, object and key version. Bytes, ids and paths come in, results go out; knows
nothing of HTTP, Django, the ORM or settings, and decides nothing about who may read.
"""

from .errors import (
    AlreadyStored,
    Damaged,
    KeyRefused,
    MasterKeyUnusable,
    Missing,
    NotThisObject,
    StoreFull,
    StoreUnavailable,
    StoreUnusable,
    VaultError,
)
from .identity import ObjectIdentity
from .keys import PatientKeyset, new_wrapped_keyset, rewrap, unwrap
from .master import MasterKey, create_master_key_file, master_aead
from .stores import FileStore, Store, open_store
from .stream import Sealed, SeekableReader, encrypt
from .vault import Vault
from .wire import ciphertext_length

__all__ = [
    "AlreadyStored",
    "Damaged",
    "FileStore",
    "KeyRefused",
    "MasterKey",
    "MasterKeyUnusable",
    "Missing",
    "NotThisObject",
    "ObjectIdentity",
    "PatientKeyset",
    "Sealed",
    "SeekableReader",
    "Store",
    "StoreFull",
    "StoreUnavailable",
    "StoreUnusable",
    "Vault",
    "VaultError",
    "ciphertext_length",
    "create_master_key_file",
    "encrypt",
    "master_aead",
    "new_wrapped_keyset",
    "open_store",
    "rewrap",
    "unwrap",
]
