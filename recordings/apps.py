from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecordingsConfig(AppConfig):
    name = "recordings"
    verbose_name = _("Recordings")

    def ready(self) -> None:
        from accounts import reconciliation
        from audit import triggers
        from recordings import clinic, grants, guards, letters, live, tasks  # noqa: F401  what registers itself

        triggers.register(*guards.GUARDS)
        reconciliation.register(grants.RULE)
