"""Reads a Range header. Source: RFC 9110 §14. Knows no HTTP framework."""

import re
from dataclasses import dataclass

MOST_BYTES = 2 * 1024 * 1024
# No file has a length of more than 18 digits; int() refuses thousands of them with an error.
_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE | re.ASCII)


class Unsatisfiable(Exception):
    """The range begins behind the end: 416."""


@dataclass(frozen=True)
class Span:
    """Bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int
    is_partial: bool


def span_of(header: str | None, length: int, most: int = MOST_BYTES) -> Span:
    """Return what to send: at most `most` bytes of a single range, or the whole when no range of ours is asked.

    Errors: Unsatisfiable.
    """
    whole = Span(0, length, is_partial=False)
    match = _ONE_RANGE.fullmatch(header.strip()) if header else None
    if match is None:
        return whole  # §14.2: what we do not understand, we ignore
    first, last = match.groups()
    if first:
        start, stop = int(first), min(int(last) + 1, length) if last else length
        if last and int(last) < start:
            return whole
    elif last:
        start, stop = max(0, length - int(last)), length
    else:
        return whole
    if start >= stop:
        raise Unsatisfiable
    return Span(start, min(stop, start + most), is_partial=True)
