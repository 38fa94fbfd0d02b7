"""The root of a Merkle tree over hashed leaves. Source: RFC 6962 §2.1. Knows nothing of the ledger."""

from collections.abc import Sequence
from hashlib import sha256


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes, each SHA-256(0x00 ‖ data); of none it is SHA-256 of nothing."""
    if not leaves:
        return sha256().digest()
    level = list(leaves)
    while len(level) > 1:
        # An odd last node moves up alone: the same tree as splitting at the largest power of two.
        pairs = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]
