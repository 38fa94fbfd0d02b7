"""Walks the ledger and its checkpoints and says in sentences what does not hold."""

from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings

from audit import checkpoints, ledger, places, signing
from audit.checkpoints import BEGINNING, LedgerBroken
from audit.files import path_of
from audit.merkle import root_of
from audit.models import Checkpoint, Entry, Verification


@dataclass
class Report:
    """What one round found. `anchored` is the newest checkpoint that the chain was found to contain."""

    anchored: Checkpoint
    is_full: bool
    entries: int = 0
    last_seq: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def not_anchored(self) -> int:
        return max(0, self.last_seq - self.anchored.seq)


def known_public_key() -> Ed25519PublicKey:
    """Return the key to verify with where nobody hands one in: our own, or the one beside the checkpoints.

    Errors: KeyUnusable, OSError.
    """
    # SECURITY: the copy in the second place could have been exchanged together with everything that lies there.
    if path_of(settings.LEDGER_SIGNING_KEY).exists():
        return signing.signing_key().public_key()
    exported = places.place().read(places.PUBLIC_KEY)
    if exported is None:
        raise signing.KeyUnusable("No public key lies beside the checkpoints. Name it with --public-key.")
    return signing.public_key(exported)


def verify(*, key: Ed25519PublicKey | None = None, full: bool = True) -> Report:
    """Verify everything, or what was added since the last verification that found no fault.

    Errors: KeyUnusable, OSError when the second place cannot be read.
    """
    known, numbers = checkpoints.last_known().number, places.place().numbers()
    if not known and not numbers and key is None:
        return _walked(Report(BEGINNING, is_full=True), BEGINNING, [])  # a new portal: no key was made yet
    key = key or known_public_key()
    start = BEGINNING if full else _last_good(key)
    report = Report(start, is_full=not start.number)
    expected = range(start.number + 1, max([known, start.number, *numbers]) + 1)
    return _walked(report, start, _trusted(expected, start, key, report.faults))


def _last_good(key: Ed25519PublicKey) -> Checkpoint:
    """Return the checkpoint up to which all was well; its signature is the proof, not our own note of it."""
    good = Verification.objects.filter(faults=[]).order_by("-pk").first()
    if good is None or not good.checkpoint:
        return BEGINNING
    try:
        return checkpoints.parse(places.place().read(places.name_of(good.checkpoint)) or b"", good.checkpoint, key)
    except LedgerBroken:
        return BEGINNING  # the whole round names it


def _trusted(numbers: range, start: Checkpoint, key: Ed25519PublicKey, faults: list[str]) -> list[Checkpoint]:
    """Return the checkpoints that are signed and in order; name the others."""
    place, trusted, last = places.place(), [], start
    for number in numbers:
        data = place.read(places.name_of(number))
        if data is None:
            faults.append(f"Checkpoint {number} is missing.")
            continue
        try:
            following = checkpoints.parse(data, number, key)
            if last.number == number - 1:
                checkpoints.demand_order(last, following)
        except LedgerBroken as broken:
            faults.append(str(broken))
            continue
        trusted.append(following)
        last = following
    return trusted


def _walked(report: Report, start: Checkpoint, trusted: list[Checkpoint]) -> Report:
    """Walk the chain from `start` and compare it with each checkpoint on the way."""
    standing = Entry.objects.filter(seq=start.seq).values_list("hash", flat=True).first() or ledger.GENESIS
    if standing != start.head:
        report.faults.append(f"Entry {start.seq} is not the one that checkpoint {start.number} anchored.")
        return report
    ahead, leaves, report.last_seq = list(reversed(trusted)), list[bytes](), start.seq
    entries = Entry.objects.filter(seq__gt=start.seq).order_by("seq").iterator(chunk_size=2000)
    try:
        for entry in ledger.walk(entries, seq=start.seq, previous=start.head):
            report.entries, report.last_seq = report.entries + 1, entry.seq
            if not ahead:
                continue
            leaves.append(bytes.fromhex(entry.hash))
            if ahead[-1].seq == entry.seq:
                checkpoint = ahead.pop()
                if not _contains(checkpoint, leaves):
                    report.faults.append(_rewritten(checkpoint))
                    return report
                report.anchored = checkpoint
                leaves.clear()
    except ledger.Broken as broken:
        report.faults.append(str(broken))
        return report
    if ahead:
        report.faults.append(_cut(report.last_seq, ahead[0]))
    return report


def _contains(checkpoint: Checkpoint, leaves: list[bytes]) -> bool:
    """Compare with the entries since the last good checkpoint; they are more if one between is missing or forged."""
    own = leaves[-checkpoint.count :]
    return own[-1].hex() == checkpoint.head and root_of(own).hex() == checkpoint.root


def _rewritten(checkpoint: Checkpoint) -> str:
    first = checkpoint.seq - checkpoint.count + 1
    return (
        f"Entries {first} to {checkpoint.seq} are not those that checkpoint {checkpoint.number} anchored: "
        "they were written anew. Nothing from there on can be trusted."
    )


def _cut(last_seq: int, checkpoint: Checkpoint) -> str:
    return (
        f"The ledger ends at entry {last_seq}, but checkpoint {checkpoint.number} anchored entry {checkpoint.seq}: "
        f"at least {checkpoint.seq - last_seq} entries were cut off."
    )


def record(report: Report, *, now: datetime) -> Verification:
    """Keep what a round found, for the staff site and for the next round."""
    return Verification.objects.create(
        at=now,
        is_full=report.is_full,
        entries=report.entries,
        last_seq=report.last_seq,
        anchored_seq=report.anchored.seq,
        checkpoint=report.anchored.number,
        faults=report.faults,
    )
