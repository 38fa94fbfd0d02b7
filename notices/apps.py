from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NoticesConfig(AppConfig):
    name = "notices"
    verbose_name = _("Notices")

    def ready(self) -> None:
        from audit import triggers
        from notices import guards, invitations, tasks  # noqa: F401  words, doorbell

        triggers.register(*guards.GUARDS)
