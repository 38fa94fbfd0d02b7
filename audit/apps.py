"""The ledger's app; also owns the database guards, because it is the lowest app."""

from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = _("Ledger and alerts")

    def ready(self) -> None:
        from audit import tasks, triggers  # noqa: F401  doorbell

        for table in ("audit_entry", "audit_checkpoint", "audit_verification"):
            triggers.register(triggers.append_only(table))
        pre_migrate.connect(triggers.lift_before_migrate, sender=self, dispatch_uid="audit.triggers")
        # Remaking a table on SQLite drops its triggers silently, so they are put back after every migrate.
        post_migrate.connect(triggers.install_after_migrate, sender=self, dispatch_uid="audit.triggers")
        checks.register(triggers.check_installed, checks.Tags.database)
