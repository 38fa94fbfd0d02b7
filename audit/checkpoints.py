"""Signed statements about how far the ledger reached and what stood in it, kept in a second place.

A checkpoint holds `number`, `seq` and `head` (the last entry's number and hash), `count` (entries since the checkpoint
before), `root` (RFC 6962 over them), `previous` (SHA-256 of the checkpoint before, as it is stored) and `at`; signed
with Ed25519 over its canonical JSON. Whoever rewrites the database without the key cannot write them anew.
"""

import base64
import binascii
import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit import ledger, places, signing
from audit.merkle import root_of
from audit.models import Checkpoint, Entry
from audit.places import FolderPlace

BEGINNING = Checkpoint(number=0, seq=0, head=ledger.GENESIS, digest=ledger.GENESIS)
_FACTS = ("number", "seq", "head", "count", "root", "previous")


class LedgerBroken(Exception):
    """Ledger and checkpoints do not belong together, so nothing more is signed; the text says where."""


def statement(checkpoint: Checkpoint) -> bytes:
    """Return the bytes that are signed: JSON with sorted keys, no spaces, UTC time to the microsecond."""
    facts: dict[str, Any] = {name: getattr(checkpoint, name) for name in _FACTS}
    facts["at"] = checkpoint.at.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()


def signed(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """Return the file of a checkpoint. Shape: {"checkpoint": {…}, "signature": base64}, one line."""
    text = statement(checkpoint)
    signature = base64.b64encode(key.sign(text))
    return b'{"checkpoint":' + text + b',"signature":"' + signature + b'"}\n'


def parse(data: bytes, number: int, key: Ed25519PublicKey) -> Checkpoint:
    """Return the checkpoint in a file named for `number`. Errors: LedgerBroken."""
    try:
        read = json.loads(data)
        facts = dict(read["checkpoint"])
        at = datetime.fromisoformat(facts.pop("at"))
        checkpoint = Checkpoint(**facts, at=at, digest=sha256(data).hexdigest())
        key.verify(base64.b64decode(read["signature"], validate=True), statement(checkpoint))
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, InvalidSignature) as error:
        raise LedgerBroken(f"Checkpoint {number} was not signed with the ledger's key.") from error
    if checkpoint.number != number:
        raise LedgerBroken(f"Checkpoint {number} is missing; checkpoint {checkpoint.number} stands in its place.")
    return checkpoint


def last_known() -> Checkpoint:
    return Checkpoint.objects.order_by("-number").first() or BEGINNING


def write(*, now: datetime) -> list[Checkpoint]:
    """Anchor all entries that no checkpoint holds yet. Call it outside of a transaction that appends.

    Idempotent because a number names a file that is written once: of two workers one writes it.
    Errors: LedgerBroken, KeyUnusable, OSError; nothing more is signed then.
    """
    place = places.place()
    key = _own_key(place)
    last = _catch_up(place, key.public_key())
    written: list[Checkpoint] = []
    while following := _following(last, now):
        data = signed(following, key)
        following.digest = sha256(data).hexdigest()
        if not place.add(places.name_of(following.number), data):
            break  # another worker was quicker; the next round takes theirs
        _remember(following)
        written.append(following)
        last = following
    return written


def _own_key(place: FolderPlace) -> Ed25519PrivateKey:
    """Return the signing key, made once before the first checkpoint, and export its public half beside them."""
    exported = place.read(places.PUBLIC_KEY)
    if exported is None and not Checkpoint.objects.exists():
        signing.make_signing_key()
    key = signing.signing_key()
    own = signing.public_pem(key.public_key())
    if exported is None:
        place.add(places.PUBLIC_KEY, own)
        exported = place.read(places.PUBLIC_KEY)
    if exported != own:
        raise LedgerBroken("The public key beside the checkpoints is not that of LEDGER_SIGNING_KEY.")
    return key


def _catch_up(place: FolderPlace, key: Ed25519PublicKey) -> Checkpoint:
    """Return the newest checkpoint; what a writer stored before it was killed becomes a row now."""
    last = last_known()
    if last.number:
        stored = place.read(places.name_of(last.number))
        if stored is None:
            raise LedgerBroken(f"Checkpoint {last.number} is missing.")
        if sha256(stored).hexdigest() != last.digest:
            raise LedgerBroken(f"Checkpoint {last.number} is another than the one that was written.")
    while data := place.read(places.name_of(last.number + 1)):
        following = parse(data, last.number + 1, key)
        demand_order(last, following)
        _remember(following)
        last = following
    return last


def demand_order(last: Checkpoint, following: Checkpoint) -> None:
    """Errors: LedgerBroken."""
    if following.previous != last.digest or following.seq != last.seq + following.count:
        raise LedgerBroken(f"Checkpoint {following.number} does not follow the one before.")


def _remember(checkpoint: Checkpoint) -> None:
    # RACE: who wrote the file and who found it there may remember it at the same moment.
    Checkpoint.objects.bulk_create([checkpoint], ignore_conflicts=True)


def _following(last: Checkpoint, now: datetime) -> Checkpoint | None:
    """Return the next checkpoint over at most CHECKPOINT_EVERY entries, None if nothing was added."""
    # SECURITY: verified before it is signed: a chain that was cut or written anew must not get our signature.
    standing = Entry.objects.filter(seq=last.seq).values_list("hash", flat=True).first() or ledger.GENESIS
    if standing != last.head:
        raise LedgerBroken(f"Entry {last.seq} is not the one that checkpoint {last.number} anchored.")
    new = Entry.objects.filter(seq__gt=last.seq).order_by("seq")[: ledger.CHECKPOINT_EVERY]
    try:
        entries = list(ledger.walk(new, seq=last.seq, previous=last.head))
    except ledger.Broken as broken:
        raise LedgerBroken(str(broken)) from broken
    if not entries:
        return None
    return Checkpoint(
        number=last.number + 1,
        seq=entries[-1].seq,
        head=entries[-1].hash,
        count=len(entries),
        root=root_of([bytes.fromhex(entry.hash) for entry in entries]).hex(),
        previous=last.digest,
        at=now,
    )
