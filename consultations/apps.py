from django.apps import AppConfig


class ConsultationsConfig(AppConfig):
    name = "consultations"

    def ready(self) -> None:
        from accounts import reconciliation
        from audit import triggers
        from consultations import clinic, grants, guards, tasks  # noqa: F401  clinicians' pages, doorbell

        triggers.register(*guards.GUARDS)
        reconciliation.register(grants.RULE)
