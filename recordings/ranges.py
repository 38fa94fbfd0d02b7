"""Reads a Range header. Source: RFC 9110 §14. Knows no HTTP framework."""

import re
from dataclasses import dataclass

MOST_BYTES = 2 * 1024 * 1024
_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Unsatisfiable(Exception):
    """The range begins behind the end: 416."""


@dataclass(frozen=True)
class Span:
    """Bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int
    is_partial: bool


def span_of(header: str | None, length: int) -> Span:
    """Return what to send: at most 2 MiB of a single range, or the whole when no range of ours is asked.

    Errors: Unsatisfiable.
    """
    match = _ONE_RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group(0) == "bytes=-":
        return Span(0, length, is_partial=False)  # §14.2: what we do not understand, we ignore
    first, last = match.groups()
    if not first:
        wanted = min(int(last), length)
        start, stop = length - wanted, length
    else:
        start, stop = int(first), min(int(last) + 1, length) if last else length
        if last and int(last) < start:
            return Span(0, length, is_partial=False)
    if start >= length or start == stop:
        raise Unsatisfiable
    return Span(start, min(stop, start + MOST_BYTES), is_partial=True)
