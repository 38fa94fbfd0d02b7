"""Checks what arrived against the call's own log, piece by piece. What does not match is quarantined.

Each check is a small function that yields a `Mismatch` with its reason; `recordings.misfits` has them in words.
"""

from recordings.pipeline.evidence.contents import read_chunk
from recordings.pipeline.evidence.examine import accepted_of, check_replay, check_segments
from recordings.pipeline.evidence.mismatch import Mismatch
from recordings.pipeline.evidence.neighbours import recorded_at_once

__all__ = ["Mismatch", "accepted_of", "check_replay", "check_segments", "read_chunk", "recorded_at_once"]
