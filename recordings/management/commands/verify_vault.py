"""Compares every stored object with its row, and names those that are not what was recorded."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from recordings import inventory
from recordings.models import Recording
from recordings.vault import MasterKeyUnusable, StoreUnavailable, StoreUnusable


class Command(BaseCommand):
    help = "Verify that everything the database names is stored whole and unaltered; ends with status 1 if not."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--recording", type=UUID, help="look at this recording only")

    def handle(self, *, recording: UUID | None, **_: Any) -> None:
        if recording and not Recording.objects.filter(pk=recording).exists():
            raise CommandError("There is no such recording.")
        looked_at = erased = faults = 0
        try:
            for finding in inventory.findings(recording):
                looked_at += 1
                erased += finding.is_erased
                faults += bool(finding.fault)
                if finding.fault:
                    what = f"{finding.kind} {finding.object_id} of recording {finding.recording_id}"
                    self.stdout.write(f"{what}: {finding.fault}")
        except (StoreUnavailable, StoreUnusable, MasterKeyUnusable) as error:
            raise CommandError(f"Stopped after {looked_at} objects, {faults} of them faulty. {error}") from error
        if faults:
            raise CommandError(f"{faults} of {looked_at} objects are not what was recorded; {erased} are erased.")
        self.stdout.write(f"{looked_at} objects: {looked_at - erased} are as recorded, {erased} are erased.")
