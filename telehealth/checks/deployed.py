"""What a portal on the open network needs: `check --deploy` says so, and behind TLS none starts without it."""

from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning

REACHING = "django.core.mail.backends.smtp.EmailBackend"


def _uses_sqlite() -> bool:
    return str(settings.DATABASES["default"]["ENGINE"]).endswith("sqlite3")


def refuse_what_serves_one_process_only(**_: Any) -> list[CheckMessage]:
    """Without Redis a web process hears neither the others nor the workers, and the broker is a folder."""
    if settings.REDIS_URL or (_uses_sqlite() and not settings.USES_TLS):
        return []
    return [
        Error(
            "There is no Redis: people in different web processes would never hear each other.",
            hint="Set REDIS_URL: PostgreSQL or TLS say that this portal is more than one machine's own.",
            id="telehealth.E011",
        )
    ]


def warn_of_several_hosts_on_sqlite(**_: Any) -> list[CheckMessage]:
    if not settings.REDIS_URL or not _uses_sqlite():
        return []
    return [
        CheckWarning(
            "Redis joins several processes, but the database is SQLite, which one machine alone can use.",
            hint="Set DATABASE_URL to PostgreSQL before a second machine serves this portal.",
            id="telehealth.W001",
        )
    ]


def warn_of_alerts_that_reach_nobody(**_: Any) -> list[CheckMessage]:
    if not settings.USES_TLS or settings.ALERT_EMAILS:
        return []
    return [
        CheckWarning(
            "Nobody is written to when something happens that must not: alerts wait until staff look.",
            hint="Set ALERT_EMAILS to the addresses of whoever is on call.",
            id="telehealth.W002",
        )
    ]


def refuse_mail_that_reaches_nobody(**_: Any) -> list[CheckMessage]:
    if not settings.USES_TLS:
        return []
    dangers = {
        "telehealth.E012": (
            settings.EMAIL_BACKEND != REACHING,
            "Mail is written into files: nobody who forgot their password gets any.",
            "Set EMAIL_HOST, and EMAIL_HOST_USER and EMAIL_HOST_PASSWORD if the server asks for them.",
        ),
        "telehealth.E013": (
            parseaddr(settings.DEFAULT_FROM_EMAIL)[1].lower().endswith(".invalid"),
            "Mail has a sender that cannot exist.",
            "Set DEFAULT_FROM_EMAIL to an address of the portal's own domain.",
        ),
    }
    return [Error(text, hint=hint, id=id_) for id_, (is_wrong, text, hint) in dangers.items() if is_wrong]
