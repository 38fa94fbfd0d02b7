"""Tink's AES-GCM-HKDF streaming format with the vault's parameters: lengths, offsets, segments.

Shape: header (40) + segments; header = byte 40 + salt (32) + nonce prefix (7). A segment is
ciphertext + tag (16). Every segment but the last is full; the first one is 40 bytes shorter, so
that segment i > 0 starts at i * SEGMENT_SIZE. The associated data enters through HKDF only.
Source: developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming
"""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_LENGTH = 32
SEGMENT_SIZE = 256 * 1024
TAG_LENGTH = 16
SALT_LENGTH = 32
PREFIX_LENGTH = 7
HEADER_LENGTH = 1 + SALT_LENGTH + PREFIX_LENGTH
SEGMENT_CAPACITY = SEGMENT_SIZE - TAG_LENGTH
FIRST_CAPACITY = SEGMENT_CAPACITY - HEADER_LENGTH


def new_header() -> bytes:
    """Return a header with a fresh salt and nonce prefix: one AES key per object."""
    return bytes([HEADER_LENGTH]) + os.urandom(SALT_LENGTH + PREFIX_LENGTH)


def is_header(header: bytes) -> bool:
    return len(header) == HEADER_LENGTH and header[0] == HEADER_LENGTH


def segment_capacity(index: int) -> int:
    """Return how many bytes of plaintext a full segment holds."""
    return SEGMENT_CAPACITY if index else FIRST_CAPACITY


def segment_at(position: int) -> int:
    """Return the segment that holds this byte of the plaintext."""
    return (position + HEADER_LENGTH) // SEGMENT_CAPACITY


def segment_start(index: int) -> int:
    """Return the position in the plaintext of a segment's first byte."""
    return index * SEGMENT_CAPACITY - HEADER_LENGTH if index else 0


def segment_count(plaintext_length: int) -> int:
    """Return the number of segments; an empty plaintext has one."""
    if plaintext_length < 0:
        raise ValueError("a length is not negative")
    return -(-(plaintext_length + HEADER_LENGTH) // SEGMENT_CAPACITY)


def ciphertext_length(plaintext_length: int) -> int:
    """Return the exact length of the file that holds this much plaintext."""
    return HEADER_LENGTH + plaintext_length + TAG_LENGTH * segment_count(plaintext_length)


def segment_span(index: int, total_length: int) -> tuple[int, int]:
    """Return where a segment starts and stops in a file of this length."""
    return max(index * SEGMENT_SIZE, HEADER_LENGTH), min((index + 1) * SEGMENT_SIZE, total_length)


class SegmentCipher:
    """The AES key of one object; seals and opens its segments."""

    __slots__ = ("_aead", "_prefix")

    def __init__(self, key_material: bytes, header: bytes, associated_data: bytes) -> None:
        salt, self._prefix = header[1 : 1 + SALT_LENGTH], header[1 + SALT_LENGTH :]
        kdf = HKDF(algorithm=SHA256(), length=KEY_LENGTH, salt=salt, info=associated_data)
        self._aead = AESGCM(kdf.derive(key_material))

    def _nonce(self, index: int, last: bool) -> bytes:
        # SECURITY: the counter refuses segments in another order, the last byte a cut file.
        return self._prefix + index.to_bytes(4, "big") + bytes([last])

    def seal(self, index: int, plaintext: bytes | bytearray, *, last: bool) -> bytes:
        return self._aead.encrypt(self._nonce(index, last), plaintext, None)

    def open(self, index: int, ciphertext: bytes | memoryview, *, last: bool) -> bytes:
        """Errors: cryptography's InvalidTag."""
        return self._aead.decrypt(self._nonce(index, last), ciphertext, None)
