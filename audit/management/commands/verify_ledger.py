"""Walks the ledger's hash chain and its signed checkpoints, and names what does not hold."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audit import checkpoints, signing, verification
from audit.checkpoints import LedgerBroken
from audit.signing import KeyUnusable


class Command(BaseCommand):
    help = "Verify the ledger and its checkpoints; names what does not hold and ends with status 1 then."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--public-key", type=Path, help="verify with this key instead of the portal's own")
        parser.add_argument("--checkpoint", action="store_true", help="anchor what was added, if everything holds")

    def handle(self, *, public_key: Path | None, checkpoint: bool, **_: Any) -> None:
        try:
            key = signing.public_key_of_file(public_key) if public_key else None
            report = verification.verify(key=key)
            if report.faults:
                raise CommandError("\n".join(report.faults))
            if checkpoint:
                report.anchored = ([report.anchored] + checkpoints.write(now=timezone.now()))[-1]
        except (KeyUnusable, LedgerBroken, OSError, ValueError) as fault:
            raise CommandError(str(fault)) from fault
        self.stdout.write(
            f"{report.entries} entries, the chain holds. "
            f"Anchored up to entry {report.anchored.seq} by checkpoint {report.anchored.number}; "
            f"{report.not_anchored} not anchored yet."
        )
