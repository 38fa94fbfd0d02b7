"""Takes in what a recorder sends: segments, chunks, manifests. Knows no HTTP; `now` is handed in.

Owner, patient and place in storage are read from the lease's rows; nothing of them can come from a client.
"""

from recordings.capture.chunks import MAX_CHUNK_BYTES, MAX_RECORDING_BYTES, store_chunk
from recordings.capture.manifest import (
    MAX_CHUNKS,
    close_segment,
    covered_ms,
    missing_of,
    numbers_of,
    ranges_of,
    saved_ms,
    with_lengths,
)
from recordings.capture.refusals import ABSENT, CaptureRefused
from recordings.capture.sealing import seal_if_whole
from recordings.capture.segments import OpenSegment, can_record, open_segment, unfinished_of
from recordings.capture.tokens import segment_of_token

__all__ = [
    "ABSENT",
    "MAX_CHUNKS",
    "MAX_CHUNK_BYTES",
    "MAX_RECORDING_BYTES",
    "CaptureRefused",
    "OpenSegment",
    "can_record",
    "close_segment",
    "covered_ms",
    "missing_of",
    "numbers_of",
    "open_segment",
    "ranges_of",
    "saved_ms",
    "seal_if_whole",
    "segment_of_token",
    "store_chunk",
    "unfinished_of",
    "with_lengths",
]
