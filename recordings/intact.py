"""Opens a replay only after its whole content was compared with the SHA-256 on record, once per process and version.

Each piece authenticates itself when it is read; this finds damage in the middle before the first byte is given out.
"""

import hashlib
import hmac
import os
import threading
from collections import OrderedDict
from uuid import UUID

from django.conf import settings

from recordings import safe
from recordings.models import Rendition
from recordings.vault import Damaged, FileStore, SeekableReader

REMEMBERED = 4096
_Version = tuple[UUID, bytes, int, int, int, int]
_verified: OrderedDict[_Version, None] = OrderedDict()
_guard = threading.Lock()
# One lock for all: a replay is read once at a time, however many ranges of it are asked for at once.
_reading = threading.Lock()


def open_verified(rendition: Rendition, vault_id: UUID) -> SeekableReader:
    """Return a reader of the replay; closing it closes the file.

    Errors: Missing, Damaged, NotThisObject, KeyRefused, StoreUnavailable.
    """
    identity = safe.identity_of(rendition)
    keyset = safe.keyset(rendition.patient_id, rendition.key_version)
    file = FileStore(settings.STORAGE_DIR).open(vault_id, identity.recording, identity.object)
    try:
        version = _version(rendition, os.fstat(file.fileno()))
        reader = SeekableReader(
            file, keyset, identity, expected_length=rendition.byte_length, expected_header=rendition.header
        )
        if not _is_known(version):
            with _reading:
                if not _is_known(version):
                    _demand_whole(reader, rendition)
                    _remember(version)
    except BaseException:
        file.close()
        raise
    return reader


def _version(rendition: Rendition, found: os.stat_result) -> _Version:
    sha256 = bytes(rendition.sha256)
    return (rendition.pk, sha256, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _demand_whole(reader: SeekableReader, rendition: Rendition) -> None:
    digest = hashlib.sha256()
    for piece in reader.iter_range(0, rendition.byte_length):
        digest.update(piece)
    if not hmac.compare_digest(digest.digest(), bytes(rendition.sha256)):
        raise Damaged("The object's content is not what was recorded.")


def _is_known(version: _Version) -> bool:
    with _guard:
        if version in _verified:
            _verified.move_to_end(version)
        return version in _verified


def _remember(version: _Version) -> None:
    with _guard:
        _verified[version] = None
        while len(_verified) > REMEMBERED:
            _verified.popitem(last=False)
