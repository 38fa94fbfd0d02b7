"""Refuses dangerous combinations of settings and data, with a sentence each."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, run_checks
from django.core.checks import register as register_check
from django.core.exceptions import ImproperlyConfigured
from django.db import connection


def register() -> None:
    register_check(refuse_dangerous_settings, Tags.security)
    register_check(refuse_dangerous_grants, Tags.database)


def refuse_dangerous_settings(**_: Any) -> list[CheckMessage]:
    dangers = {
        "telehealth.E001": ("*" in settings.ALLOWED_HOSTS, "ALLOWED_HOSTS holds *.", "Name the portal's own hosts."),
        "telehealth.E002": (
            settings.GUARDIAN_AUTO_PREFETCH,
            "guardian keeps grants in memory.",
            "Set GUARDIAN_AUTO_PREFETCH to False: a revoked grant would go on working.",
        ),
        "telehealth.E003": (
            settings.ANONYMOUS_USER_NAME is not None,
            "guardian has an anonymous user who can be granted things.",
            "Set ANONYMOUS_USER_NAME to None.",
        ),
        "telehealth.E004": (
            settings.CELERY_ACCEPT_CONTENT != ["json"],
            "Celery accepts more than JSON.",
            'Set CELERY_ACCEPT_CONTENT to ["json"].',
        ),
        "telehealth.E005": (
            settings.DEBUG and settings.USES_TLS,
            "DEBUG is on for a portal that people reach over TLS.",
            "Set DEBUG=0.",
        ),
    }
    return [Error(text, hint=hint, id=id_) for id_, (is_wrong, text, hint) in dangers.items() if is_wrong]


def refuse_dangerous_grants(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A global permission to play or join would open everybody's: guardian's own lists honour it."""
    from django.contrib.auth.models import Permission

    if not databases or Permission._meta.db_table not in connection.introspection.table_names():
        return []
    playing = Permission.objects.filter(codename__in=["play_recording", "join_consultation"])
    held = playing.filter(group__isnull=False) | playing.filter(user__isnull=False)
    return [
        Error(
            f"The permission {codename} is held globally by a person or a group.",
            hint="Remove it: this right is given for single recordings and consultations only.",
            id="telehealth.E006",
        )
        for codename in held.distinct().values_list("codename", flat=True)
    ]


def refuse_unsafe_start() -> None:
    """Stop a process that would serve people without the database's rules in place. Errors: ImproperlyConfigured."""
    try:
        found = run_checks(tags=[Tags.database, Tags.security], databases=["default"])
    finally:
        connection.close()
    serious = [message for message in found if message.id and message.id.startswith(("audit.", "telehealth."))]
    if serious:
        raise ImproperlyConfigured("\n".join(f"{message.msg} {message.hint}" for message in serious))
