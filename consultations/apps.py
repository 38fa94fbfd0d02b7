from django.apps import AppConfig


class ConsultationsConfig(AppConfig):
    name = "consultations"

    def ready(self) -> None:
        from accounts import reconciliation
        from audit import triggers
        from consultations import clinic, grants, guards  # noqa: F401  registers the clinicians' pages

        triggers.register(*guards.GUARDS)
        reconciliation.register(grants.RULE)
