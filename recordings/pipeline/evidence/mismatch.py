"""What a check says when something does not match."""

from datetime import timedelta

from recordings.models import Segment

# What an honest visit may be off by: two clocks, a piece that was begun before the end, a page that slept a moment.
SLACK = timedelta(seconds=30)


class Mismatch(Exception):
    """Something is not what it says it is; `reason` is a word of `recordings.misfits`, `segment` the number of the one
    it is about, None if it is about the whole."""

    def __init__(self, reason: str, segment: Segment | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.segment = segment.number if segment else None
