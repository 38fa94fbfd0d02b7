"""A few unwrapped keysets, so that not every range request asks the master key."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from .keys import PatientKeyset

_Entry = tuple[UUID, int, bytes]


class KeysetCache:
    """The keysets used last, found by patient, version and the very bytes they came from.

    A row that was replaced or erased therefore finds nothing here. Safe for threads.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[_Entry, PatientKeyset] = OrderedDict()
        self._lock = threading.Lock()
        self._forgotten = 0

    def get(self, patient: UUID, version: int, wrapped: bytes, unwrap: Callable[[], PatientKeyset]) -> PatientKeyset:
        """Return the cached keyset, or the one that `unwrap` returns."""
        entry = (patient, version, hashlib.sha256(wrapped).digest())
        with self._lock:
            forgotten = self._forgotten
            if entry in self._entries:
                self._entries.move_to_end(entry)
                return self._entries[entry]
        keyset = unwrap()
        with self._lock:
            # RACE: a patient erased while we unwrapped must not come back into the cache.
            if forgotten == self._forgotten:
                self._entries[entry] = keyset
                while len(self._entries) > self._size:
                    self._entries.popitem(last=False)
        return keyset

    def forget(self, patient: UUID) -> None:
        with self._lock:
            self._forgotten += 1
            for entry in [entry for entry in self._entries if entry[0] == patient]:
                del self._entries[entry]
