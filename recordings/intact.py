"""Opens a replay only after its whole content was compared with the SHA-256 on record, once per process and version.

Each piece authenticates itself when it is read; this finds damage in the middle before the first byte is given out.
"""

import threading
from collections import OrderedDict
from uuid import UUID

from recordings import safe
from recordings.models import Rendition
from recordings.vault import SeekableReader

REMEMBERED = 4096
_Version = tuple[UUID, bytes, tuple[object, ...]]
_verified: OrderedDict[_Version, None] = OrderedDict()
_guard = threading.Lock()
# One lock for all: a replay is read once at a time, however many ranges of it are asked for at once.
_reading = threading.Lock()


def open_verified(rendition: Rendition, vault_id: UUID) -> SeekableReader:
    """Return a reader of the replay; closing it closes the file.

    Errors: Missing, Damaged, NotThisObject, KeyRefused, StoreUnavailable.
    """
    reader = safe.open_object(rendition, vault_id)
    try:
        version = (rendition.pk, bytes(rendition.sha256), reader.version())
        if not _is_known(version):
            with _reading:
                if not _is_known(version):
                    reader.demand_whole(rendition.sha256)
                    _remember(version)
    except BaseException:
        reader.close()
        raise
    return reader


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
