"""Moves every patient's keyset to another master key, while nothing else of the portal runs."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from recordings import new_keys
from recordings.vault import MasterKey, VaultError, create_master_key_file


class Command(BaseCommand):
    help = "Wrap every patient's keyset with another master key: all or none. Stop the portal first."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--to", required=True, help="URI of the new master key; a file that is missing is made")
        parser.add_argument("--old", help="URI of the old one, if it is not MASTER_KEY_URI any more")

    def handle(self, *, to: str, old: str | None, **_: Any) -> None:
        before = old or settings.MASTER_KEY_URI
        if to == before:
            raise CommandError("That is the master key in use. Name another one with --to.")
        try:
            old_key = MasterKey.load(before)
            _make_file(to)
            wrapped, known = new_keys.change_master_key(old_key, MasterKey.load(to))
        except (VaultError, new_keys.KeyOfAnotherMaster) as error:
            raise CommandError(f"Nothing was changed. {error}") from error
        self.stdout.write(f"{wrapped} keysets are wrapped with the new master key, {known} were already.")
        self.stdout.write(f"Set MASTER_KEY_URI={to} before the portal starts, then run verify_vault.")
        self.stdout.write(f"Keep {before} as long as a backup of the database is older than this.")


def _make_file(uri: str) -> None:
    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    if parts.scheme == "file" and path.is_absolute() and not path.exists():
        create_master_key_file(path)
