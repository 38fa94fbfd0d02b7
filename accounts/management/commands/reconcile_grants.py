"""Compares every grant with the relationships that justify it, and names each difference by ids alone."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import reconciliation
from accounts.reconciliation import EXPLAINED, Because


class Command(BaseCommand):
    help = "Name every grant that differs from what the relationships say; ends with status 1 if one is not explained."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--repair",
            action="store_true",
            help="withdraw what nothing explains and give what is missing, but nothing that was revoked",
        )

    def handle(self, *, repair: bool, **_: Any) -> None:
        counts = Counter[Because]()
        for difference in reconciliation.differences():
            counts[difference.because] += 1
            self.stdout.write(str(difference))
        unexplained = sum(number for because, number in counts.items() if because not in EXPLAINED)
        summary = (
            f"{counts.total()} differences, {unexplained} of them unexplained; "
            f"{counts[Because.ORPHAN]} orphans, {counts[Because.GENERIC]} in guardian's generic tables."
        )
        self.stdout.write(summary)
        if repair and unexplained:
            self.stdout.write(f"{reconciliation.mend(now=timezone.now())} mended.")
            unexplained = sum(1 for _ in reconciliation.differences(explained=False))
        if unexplained:
            raise CommandError(f"{unexplained} differences are not explained.")
