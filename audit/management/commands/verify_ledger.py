"""Walks the ledger's hash chain and names the first bad row."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ledger import first_fault
from audit.models import Entry


class Command(BaseCommand):
    help = "Verify the ledger's hash chain; names the first bad row and ends with status 1 if there is one."

    def handle(self, *args: Any, **options: Any) -> None:
        if fault := first_fault():
            raise CommandError(f"Entry {fault.seq} {fault.what}. Nothing after it can be trusted.")
        self.stdout.write(f"{Entry.objects.count()} entries, the chain holds.")
