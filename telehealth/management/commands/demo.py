"""Makes the demo's people, today's consultations and past replays. Never in production: needs DEMO=1."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from recordings import safe
from telehealth import demo


class Command(BaseCommand):
    help = "Make the demo people, today's consultations and past visits with replays. Idempotent; needs DEMO=1."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.IS_DEMO_ALLOWED:
            raise CommandError("Demo people have a public password. Set DEMO=1 if this portal is only for looking.")
        safe.prepare_storage()
        safe.prepare_master_key()
        made = demo.make()
        if made:
            self.stdout.write(f"Made {made} past consultations with replays.")
        self.stdout.write(f"Sign in with the password {demo.PASSWORD} as:")
        for person in demo.sign_ins():
            self.stdout.write(f"  {person['email']:<22} {person['role']}")
