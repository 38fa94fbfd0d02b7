"""What can go wrong with media, as a closed vocabulary. Needs no media library."""

from enum import StrEnum


class Unreadable(StrEnum):
    """Why a segment is refused: what arrived is not what a recorder of ours makes."""

    EMPTY = "empty"
    NOT_WEBM = "not_webm"
    DAMAGED = "damaged"
    NO_MEDIA = "no_media"
    TOO_MANY_STREAMS = "too_many_streams"
    CODEC = "codec"
    TOO_LARGE_PICTURE = "too_large_picture"
    SIZE_CHANGED = "size_changed"
    UNEXPECTED_VIDEO = "unexpected_video"
    HEADER_MISMATCH = "header_mismatch"
    TOO_LONG = "too_long"


class Unsound(StrEnum):
    """Why a joined replay is not published: the fault is ours, not the sender's."""

    CONTAINER = "output_container"
    CUES = "output_cues"
    DURATION = "output_duration"
    STREAMS = "output_streams"
    ORDER = "output_order"
    DECODE = "output_decode"


class MediaFault(Exception):
    """Any reason why no replay came out."""


class UnreadableMedia(MediaFault):
    def __init__(self, reason: Unreadable, segment: int | None = None) -> None:
        super().__init__(reason.value, segment)
        self.reason = reason
        self.segment = segment


class UnsoundReplay(MediaFault):
    def __init__(self, reason: Unsound) -> None:
        super().__init__(reason.value)
        self.reason = reason


class MediaChildDied(MediaFault):
    """The media process ended without an answer we understand; negative: the signal's number."""

    def __init__(self, returncode: int | None) -> None:
        super().__init__(returncode)
        self.returncode = returncode


class MediaTimeout(MediaFault):
    def __init__(self, timeout_s: float) -> None:
        super().__init__(timeout_s)
        self.timeout_s = timeout_s
