"""What may not lie in the database of a running portal. Each looks only where its tables are there already."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import connection
from django.db.models import Model

from accounts.models import User
from patients.models import PatientKey
from telehealth import demo

GUARDIANS_ANONYMOUS = "AnonymousUser"  # what guardian calls the person it makes when nobody names another


def is_there(model: type[Model], databases: Sequence[str] | None) -> bool:
    return bool(databases) and model._meta.db_table in connection.introspection.table_names()


def refuse_debugging_real_people(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Django's error pages show settings, queries and what a form held."""
    if not settings.DEBUG or not is_there(User, databases):
        return []
    invented = [*demo.BY_EMAIL, demo.STAFF_EMAIL]
    if not User.objects.exclude(email__in=invented).exists():
        return []
    return [
        Error(
            "DEBUG is on and the database holds people who are not demo people.",
            hint="Set DEBUG=0, or use another DATA_DIR or DATABASE_URL for development.",
            id="telehealth.E008",
        )
    ]


def refuse_an_anonymous_person(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """guardian counts what this person was granted as granted to everybody who is not signed in."""
    if not is_there(User, databases) or not User.objects.filter(email__iexact=GUARDIANS_ANONYMOUS).exists():
        return []
    return [
        Error(
            f"The database holds guardian's anonymous person, {GUARDIANS_ANONYMOUS}.",
            hint="Delete this account: nothing may be granted to somebody who is not signed in.",
            id="telehealth.E009",
        )
    ]


def refuse_a_missing_master_key(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A new master key could not open what the lost one wrapped, and new recordings would hide the loss."""
    address = urlsplit(settings.MASTER_KEY_URI)
    if address.scheme != "file" or Path(unquote(address.path)).exists() or not is_there(PatientKey, databases):
        return []
    if PatientKey.objects.filter(wrapped_keyset__isnull=False).exists():
        return [
            Error(
                "The master key that MASTER_KEY_URI names is not there, but patients' keys are wrapped with it.",
                hint="Put the file back from its backup: without it no recording can be opened.",
                id="telehealth.E010",
            )
        ]
    if not settings.USES_TLS:
        return []  # an embedded portal makes it at its first start
    return [
        Error(
            "There is no master key where MASTER_KEY_URI says.",
            hint="Run manage.py prepare_vault once, or mount the file that holds the key.",
            id="telehealth.E020",
        )
    ]
