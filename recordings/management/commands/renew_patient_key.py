"""Gives one patient a new keyset for what will be recorded from now on."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from patients.models import Patient
from recordings import new_keys
from recordings.vault import VaultError


class Command(BaseCommand):
    help = "Begin a new version of a patient's keyset. What was recorded before stays readable with the old one."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("patient", type=UUID)

    def handle(self, *, patient: UUID, **_: Any) -> None:
        try:
            version = new_keys.renew_keyset(patient)
        except Patient.DoesNotExist as error:
            raise CommandError("There is no such patient.") from error
        except VaultError as error:
            raise CommandError(f"This patient has no keyset that could be renewed. {error}") from error
        self.stdout.write(f"What is recorded from now on is kept under version {version}.")
