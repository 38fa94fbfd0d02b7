"""The fifteen ways in which a stored file is damaged; each takes and returns a ciphertext.

They expect at least four segments.
"""

from collections.abc import Callable

from recordings.vault.wire import HEADER_LENGTH, SALT_LENGTH, SEGMENT_SIZE, TAG_LENGTH


def flipped(ciphertext: bytes, position: int) -> bytes:
    changed = bytearray(ciphertext)
    changed[position] ^= 1
    return bytes(changed)


def segments(ciphertext: bytes) -> list[bytes]:
    """Shape: the first piece includes the header."""
    starts = range(0, len(ciphertext), SEGMENT_SIZE)
    return [ciphertext[start : start + SEGMENT_SIZE] for start in starts]


def swap_two_segments(ciphertext: bytes) -> bytes:
    first, second, third, *rest = segments(ciphertext)
    return b"".join([first, third, second, *rest])


def repeat_last_segment(ciphertext: bytes) -> bytes:
    return ciphertext + segments(ciphertext)[-1]


def append_middle_segment(ciphertext: bytes) -> bytes:
    return ciphertext + segments(ciphertext)[1]


ON_OPENING: dict[str, Callable[[bytes], bytes]] = {
    "flip header length": lambda c: flipped(c, 0),
    "flip salt": lambda c: flipped(c, 1),
    "flip prefix": lambda c: flipped(c, 1 + SALT_LENGTH),
    "flip tag": lambda c: flipped(c, len(c) - 1),
    "cut 1 byte": lambda c: c[:-1],
    "drop last segment": lambda c: b"".join(segments(c)[:-1]),
    "drop last two": lambda c: b"".join(segments(c)[:-2]),
    "header only": lambda c: c[:HEADER_LENGTH],
    "half header": lambda c: c[: HEADER_LENGTH // 2],
    "empty file": lambda c: b"",
    "repeat last segment": repeat_last_segment,
    "append 1 byte": lambda c: c + b"\0",
    "append a middle segment": append_middle_segment,
}

ON_READING: dict[str, Callable[[bytes], bytes]] = {
    "flip body": lambda c: flipped(c, SEGMENT_SIZE + 1_000),
    "swap two segments": swap_two_segments,
    "flip tag of a middle segment": lambda c: flipped(c, 2 * SEGMENT_SIZE - TAG_LENGTH),
}
"""All of these damage segment 1, and not segment 0."""

FIFTEEN = {**ON_OPENING, **ON_READING}
del FIFTEEN["flip tag of a middle segment"]
