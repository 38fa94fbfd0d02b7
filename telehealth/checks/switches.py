"""Settings that no portal may run with, wherever it runs."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from recordings.vault import StoreUnusable, open_store

# What a view of the API is given that says nothing itself.
API = {
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.DenyUnlessTheViewSays"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_METADATA_CLASS": None,
}


def refuse_dangerous_settings(**_: Any) -> list[CheckMessage]:
    serializers = {*settings.CELERY_ACCEPT_CONTENT, settings.CELERY_TASK_SERIALIZER}
    dangers = {
        "telehealth.E001": (
            "*" in settings.ALLOWED_HOSTS,
            "ALLOWED_HOSTS holds *: any host is believed, and a page of any origin may open sockets.",
            "Name the portal's own hosts.",
        ),
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
            serializers != {"json"},
            "Celery reads or writes more than JSON; whoever reaches the broker could run code with pickle.",
            'Set CELERY_ACCEPT_CONTENT to ["json"] and CELERY_TASK_SERIALIZER to "json".',
        ),
        "telehealth.E005": (
            settings.DEBUG and settings.USES_TLS,
            "DEBUG is on for a portal that people reach over TLS.",
            "Set DEBUG=0.",
        ),
        "telehealth.E007": (
            any("*" in origin for origin in settings.CSRF_TRUSTED_ORIGINS),
            "CSRF_TRUSTED_ORIGINS holds *: pages of other origins may post forms here.",
            "Name the portal's own origins.",
        ),
        "telehealth.E021": (
            any(settings.REST_FRAMEWORK.get(name, "") != value for name, value in API.items()),
            "The API allows by default, or answers with more than JSON: a view that says nothing is open, and "
            "REST framework's own pages list related rows in their forms.",
            "Leave DEFAULT_PERMISSION_CLASSES, DEFAULT_RENDERER_CLASSES and DEFAULT_METADATA_CLASS as they were.",
        ),
    }
    return [Error(text, hint=hint, id=id_) for id_, (is_wrong, text, hint) in dangers.items() if is_wrong]


def refuse_unusable_storage(**_: Any) -> list[CheckMessage]:
    """A storage that is misnamed, or named with a secret; whether it answers is asked by /readyz."""
    try:
        open_store(settings.STORAGE_URL)
    except StoreUnusable as error:
        hint = "Set STORAGE_URL to file:///path or s3://bucket/prefix?endpoint_url=…&region=…."
        return [Error(str(error), hint=hint, id="telehealth.E014")]
    return []
