"""Reads a segment's bytes as one well-formed file, leaving out what a missing chunk tore."""

import os
from collections.abc import Sequence
from itertools import pairwise

from recordings.media import ebml

_CLUSTER_ID = ebml.CLUSTER.to_bytes(4)
_BLOCK = 1 << 20


class SegmentReader:
    """A read-only file object with its own offset, so that one fd may be read more than once.

    `gaps` are offsets in the fd at which chunks are missing. Chunks are cut anywhere, also inside
    a packet: on both sides of a gap something is torn, which would be read at a wrong time or make
    the demuxer lose its way.
    """

    def __init__(self, fd: int, gaps: Sequence[int] = ()) -> None:
        self._fd = fd
        self._at = 0
        whole = os.fstat(fd).st_size
        self._ranges = _whole_ranges(self._pread, whole, gaps) if gaps else [(0, whole)]
        self.size = sum(end - begin for begin, end in self._ranges)

    def read(self, size: int = -1) -> bytes:
        data = self.read_at(self.size if size < 0 else size, self._at)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read_at(self, size: int, offset: int) -> bytes:
        found = []
        for begin, end in self._ranges:
            length = end - begin
            if size > 0 and offset < length:
                found.append(self._pread(min(size, length - offset), begin + offset))
                size -= len(found[-1])
            offset = max(0, offset - length)
        return found[0] if len(found) == 1 else b"".join(found)

    def _pread(self, size: int, offset: int, /) -> bytes:
        return os.pread(self._fd, size, offset)


def _whole_ranges(read_at: ebml.ReadAt, size: int, gaps: Sequence[int]) -> list[tuple[int, int]]:
    """Return what is left of each run between gaps: from a cluster's start to a packet's end."""
    ranges = []
    runs = list(pairwise(sorted({0, *gaps, size})))
    for begin, end in runs:
        clusters = _clusters(read_at, begin, end)
        if begin == 0:
            first: int | None = 0
        else:
            first = clusters[0] if clusters else None
        if first is not None:
            # The last run may end in a crash, which the demuxer copes with by itself.
            is_torn = end != size and clusters
            ranges.append((first, _last_whole(read_at, clusters[-1], end) if is_torn else end))
    return ranges


def _clusters(read_at: ebml.ReadAt, begin: int, end: int) -> list[int]:
    """Return where clusters start, told from chance by the time stamp they open with."""
    found = []
    for block_at in range(begin, end, _BLOCK):
        block = read_at(min(_BLOCK + 3, end - block_at), block_at)
        at = block.find(_CLUSTER_ID)
        while at >= 0:
            cluster = ebml.element_at(read_at, block_at + at)
            if cluster is not None and read_at(1, cluster.body) == bytes([ebml.CLUSTER_TIME]):
                found.append(cluster.start)
            at = block.find(_CLUSTER_ID, at + 1)
    return found


def _last_whole(read_at: ebml.ReadAt, cluster_at: int, end: int) -> int:
    """Return where the last complete element of a cluster ends."""
    cluster = ebml.element_at(read_at, cluster_at)
    whole = cluster_at
    if cluster is not None:
        for field in ebml.children(read_at, cluster.body, min(cluster.end or end, end)):
            if field.end is None or field.end > end:
                break
            whole = field.end
    return whole
