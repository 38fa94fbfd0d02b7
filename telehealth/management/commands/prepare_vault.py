"""Makes what a new installation keeps recordings with; one that runs `manage.py portal` gets it by itself."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from recordings import safe
from recordings.vault import VaultError


class Command(BaseCommand):
    help = "Make the master key file and the default storage, once; never while a patient has a key."

    def handle(self, *args: Any, **options: Any) -> None:
        safe.prepare_master_key()
        safe.prepare_storage()
        try:
            safe.vault().check()
        except VaultError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Recordings lie at {settings.STORAGE_URL}.")
        is_file = settings.MASTER_KEY_URI.startswith("file:")
        care = "Keep a copy in another place." if is_file else "Nobody may delete it there: nothing would open again."
        self.stdout.write(f"The master key is at {settings.MASTER_KEY_URI}. {care}")
