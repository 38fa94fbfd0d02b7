"""Reading one version of an object in a bucket by ranges; never the whole of it for a piece."""

import os
from typing import Any

from ..errors import Damaged, StoreUnavailable
from ..source import RemoteFile, Version
from .bucket import Bucket, ConditionFailed, RangeOutside, service_errors

# What a reader asks for first: a little more than the header of a sealed object.
BEGINNING = 64
# A media answer of 2 MiB touches at most nine segments of 256 KiB: one request brings them all.
MOST_AT_ONCE = 10 * 256 * 1024


class S3Object(RemoteFile):
    """Bound to the version found on opening: what replaces it meanwhile is refused, not mixed in.

    Not safe for threads; what was read last is kept in memory.
    Errors: Missing, Damaged, StoreUnavailable.
    """

    def __init__(self, bucket: Bucket, key: str) -> None:
        super().__init__()
        self._bucket, self._key = bucket, key
        self._position = self._held_from = 0
        self._expected = range(0)
        try:
            answer = bucket.call("get_object", Key=key, Range=f"bytes=0-{BEGINNING - 1}")
        except RangeOutside:
            self._etag, self._length, self._held = "", 0, b""
        else:
            self._etag, self._length = answer["ETag"], _total(answer)
            self._held = _body(answer, min(BEGINNING, self._length))
        self.version: Version = (self._etag, self._length)

    def expect(self, start: int, stop: int) -> None:
        self._expected = range(start, stop)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = origin + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, target: Any) -> int:
        if self.closed:
            raise ValueError("the file is closed")
        stop = min(self._position + len(target), self._length)
        if stop <= self._position:
            return 0
        if not self._held_from <= self._position < stop <= self._held_from + len(self._held):
            self._fetch(stop)
        begin = self._position - self._held_from
        piece = memoryview(self._held)[begin : begin + stop - self._position]
        target[: len(piece)] = piece
        self._position = stop
        return len(piece)

    def close(self) -> None:
        self._held = b""
        super().close()

    def _fetch(self, stop: int) -> None:
        start = self._position
        if start in self._expected:
            stop = max(stop, min(self._expected.stop, start + MOST_AT_ONCE))
        wanted = {"Range": f"bytes={start}-{stop - 1}", "IfMatch": self._etag}
        try:
            answer = self._bucket.call("get_object", Key=self._key, **wanted)
        except (ConditionFailed, RangeOutside) as error:
            raise Damaged("The stored object was replaced while it was read.") from error
        self._held, self._held_from = _body(answer, stop - start), start


def _total(answer: dict[str, Any]) -> int:
    """Return the object's length, of an answer's `bytes 0-63/1234`."""
    _, _, total = answer.get("ContentRange", "").rpartition("/")
    if not total.isdigit():
        raise StoreUnavailable("The storage does not answer ranges.")
    return int(total)


def _body(answer: dict[str, Any], length: int) -> bytes:
    if answer["ContentLength"] != length:
        answer["Body"].close()
        raise StoreUnavailable("The storage did not answer with the range it was asked for.")
    with service_errors():
        body: bytes = answer["Body"].read()
    return body
