"""Makes the master key file of a new installation; one that runs `manage.py portal` gets it by itself."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from recordings import safe
from recordings.vault import VaultError


class Command(BaseCommand):
    help = "Make the master key that MASTER_KEY_URI names, once; never while a patient has a key."

    def handle(self, *args: Any, **options: Any) -> None:
        safe.prepare_master_key()
        try:
            safe.vault()
        except VaultError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The master key is at {settings.MASTER_KEY_URI}. Keep a copy in another place.")
