from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    name = "recordings"

    def ready(self) -> None:
        from accounts import reconciliation
        from audit import triggers
        from recordings import clinic, grants, guards, live, tasks  # noqa: F401  pages, socket messages, doorbell

        triggers.register(*guards.GUARDS)
        reconciliation.register(grants.RULE)
