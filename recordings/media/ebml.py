"""The outline of a WebM file: where its elements lie, read without a media library."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from recordings.media.faults import Unreadable, UnreadableMedia

MAGIC = bytes.fromhex("1A45DFA3")
SEGMENT = 0x18538067
TRACKS = 0x1654AE6B
TRACK_ENTRY = 0xAE
TRACK_NUMBER = 0xD7
CLUSTER = 0x1F43B675
CLUSTER_TIME = 0xE7
CUES = 0x1C53BB6B


class ReadAt(Protocol):
    def __call__(self, size: int, offset: int, /) -> bytes: ...


class Element(NamedTuple):
    """Units: byte offsets; `end` is None where the size is unknown (a live Segment or Cluster)."""

    id: int
    start: int
    body: int
    end: int | None


def element_at(read_at: ReadAt, offset: int) -> Element | None:
    """Return the element that starts at offset, or None at the end or in the middle of one.

    Source: RFC 8794 section 4 (variable-size integers).
    """
    head = read_at(12, offset)
    id_length = _vint_length(head[:1])
    if not 1 <= id_length <= 4 or len(head) <= id_length:
        return None
    size_length = _vint_length(head[id_length : id_length + 1])
    size_bytes = head[id_length : id_length + size_length]
    if not 1 <= size_length <= 8 or len(size_bytes) < size_length:
        return None
    mask = (1 << (7 * size_length)) - 1
    size = int.from_bytes(size_bytes) & mask
    body = offset + id_length + size_length
    end = None if size == mask else body + size
    return Element(int.from_bytes(head[:id_length]), offset, body, end)


def children(read_at: ReadAt, start: int, end: int | None) -> Iterator[Element]:
    """Yield sibling elements from start; stops after one of unknown size."""
    while end is None or start < end:
        element = element_at(read_at, start)
        if element is None:
            return
        yield element
        if element.end is None:
            return
        start = element.end


def level_one(read_at: ReadAt) -> Iterator[Element]:
    """Yield the children of the first Segment: SeekHead, Info, Tracks, Cluster, Cues."""
    segment = _segment(read_at)
    if segment is not None:
        yield from children(read_at, segment.body, segment.end)


def reader_of(data: bytes) -> ReadAt:
    return lambda size, offset: data[offset : offset + size]


def header_of(first_chunk: bytes) -> bytes:
    """Return everything before the first Cluster, fit to stand before chunks of a sibling segment.

    The Segment's size becomes unknown, so that any number of clusters may follow.

    Errors: UnreadableMedia when the chunk is no WebM or holds no Cluster.
    """
    if not first_chunk.startswith(MAGIC):
        raise UnreadableMedia(Unreadable.NOT_WEBM)
    read_at = reader_of(first_chunk)
    segment = _segment(read_at)
    cluster = next((e for e in level_one(read_at) if e.id == CLUSTER), None)
    if segment is None or cluster is None:
        raise UnreadableMedia(Unreadable.NO_MEDIA)
    header = bytearray(first_chunk[: cluster.start])
    size_length = segment.body - segment.start - 4
    unknown = (1 << (7 * size_length + 1)) - 1
    header[segment.start + 4 : segment.body] = unknown.to_bytes(size_length)
    return bytes(header)


def with_tracks_swapped(header: bytes) -> bytes:
    """Return the header with the numbers of its two tracks exchanged.

    Recorders number audio and video in either order from run to run, so that a sibling's header
    may name them the other way round: the probe then answers `header_mismatch`.
    """
    read_at = reader_of(header)
    tracks = next((e for e in level_one(read_at) if e.id == TRACKS), None)
    if tracks is None:
        return header
    numbers = [
        field
        for entry in children(read_at, tracks.body, tracks.end)
        if entry.id == TRACK_ENTRY
        for field in children(read_at, entry.body, entry.end)
        if field.id == TRACK_NUMBER
    ]
    if len(numbers) != 2:
        return header
    first, second = (slice(n.body, n.end) for n in numbers)
    swapped = bytearray(header)
    swapped[first], swapped[second] = header[second], header[first]
    return bytes(swapped)


def cluster_time(read_at: ReadAt, cluster: Element) -> int:
    """Return a Cluster's timestamp in the file's own ticks (milliseconds in WebM)."""
    for field in children(read_at, cluster.body, cluster.end):
        if field.id == CLUSTER_TIME and field.end is not None:
            return int.from_bytes(read_at(field.end - field.body, field.body))
    return 0


def _segment(read_at: ReadAt) -> Element | None:
    return next((e for e in children(read_at, 0, None) if e.id == SEGMENT), None)


def _vint_length(first: bytes) -> int:
    return 9 - first[0].bit_length() if first else 0
