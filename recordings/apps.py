from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    name = "recordings"

    def ready(self) -> None:
        from audit import triggers
        from recordings import clinic, guards, live, tasks  # noqa: F401  pages, socket messages, doorbell

        triggers.register(*guards.GUARDS)
