from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ConsultationsConfig(AppConfig):
    name = "consultations"
    verbose_name = _("Consultations")

    def ready(self) -> None:
        from accounts import reconciliation
        from audit import triggers
        from consultations import clinic, day_letters, grants, guards, letters, tasks, wordings  # noqa: F401  doorbell

        triggers.register(*guards.GUARDS)
        reconciliation.register(grants.RULE)
        post_migrate.connect(wordings.make_first, sender=self, dispatch_uid="consultations.wordings")
