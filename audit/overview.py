"""How the ledger stands: how far it is anchored, what the verifier found last, and what alerts are open."""

from dataclasses import dataclass

from audit import checkpoints
from audit.models import Alert, Checkpoint, Entry, Verification


@dataclass(frozen=True)
class State:
    """`checkpoint` is None until one was written, a verification until one was made."""

    checkpoint: Checkpoint | None
    not_anchored: int
    verification: Verification | None
    full_verification: Verification | None


def state() -> State:
    last, newest = checkpoints.last_known(), Entry.objects.order_by("-seq").values_list("seq", flat=True).first()
    return State(
        checkpoint=last if last.number else None,
        not_anchored=(newest or 0) - last.seq,
        verification=Verification.objects.order_by("-pk").first(),
        full_verification=Verification.objects.filter(is_full=True).order_by("-pk").first(),
    )


def open_alerts() -> int:
    return Alert.objects.filter(handled_at=None).count()
