"""Prepares a recording once more, here and now: after an outage, or to see why it does not become ready."""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from recordings import jobs, pipeline
from recordings.models import Recording

CAN_BE_PREPARED = (Recording.Status.SEALED, Recording.Status.FAILED, *Recording.PLAYABLE)


class Command(BaseCommand):
    help = "Prepare sealed or failed recordings in this process; one that can be watched stays so until it is done."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("recording", nargs="*", type=uuid.UUID, default=[], help="ids of recordings")
        what.add_argument("--failed", action="store_true", help="every recording that was given up")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted: list[uuid.UUID] = options["recording"]
        if options["failed"]:
            failed = Recording.objects.filter(status=Recording.Status.FAILED)
            wanted = list(failed.order_by("created_at").values_list("pk", flat=True))
        outcomes = [self._prepare(pk) for pk in wanted]
        if not all(outcomes):
            raise CommandError(f"{outcomes.count(False)} of {len(outcomes)} did not become ready.")

    def _prepare(self, pk: uuid.UUID) -> bool:
        recording = Recording.objects.filter(pk=pk).first()
        if recording is None:
            self.stderr.write(f"{pk}: there is no such recording.")
            return False
        if recording.status not in CAN_BE_PREPARED:
            self.stderr.write(f"{pk}: is {recording.status} and cannot be prepared.")
            return False
        job = jobs.enqueue(recording, now=timezone.now())
        pipeline.process(job.pk)
        job.refresh_from_db()
        recording.refresh_from_db()
        self.stdout.write(f"{pk}: {recording.status} {recording.reason or job.fault}".rstrip())
        return recording.status in Recording.PLAYABLE and not job.fault
