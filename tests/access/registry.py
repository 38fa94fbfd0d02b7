"""Finds every door by looking at what runs: addresses, sockets, messages, tasks, commands, actions of admin pages."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from channels.routing import URLRouter
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admindocs.views import simplify_regex
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.sites import clinic_site
from consultations.protocol import HELLO, MESSAGES
from telehealth.celery import app as celery

SITES = {"/admin/": admin.site, "/clinic/": clinic_site}
CONVERTER = re.compile(r"<\w+:(\w+)>")


def our_apps() -> set[str]:
    return {config.name for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIR}


def http(resolver: URLResolver | None = None) -> set[str]:
    """Return every address as `/recordings/<pk>/`. One that stands behind another of the same form is one door."""
    return {simplify_regex(CONVERTER.sub(r"<\1>", route)) for route in _routes(resolver or get_resolver())}


def _routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from _routes(pattern, route)


def sockets() -> set[str]:
    """Return every socket address of the application that the server runs."""
    from telehealth.asgi import application  # it looks at the database

    inner: Any = application.application_mapping["websocket"]
    while not isinstance(inner, URLRouter):
        inner = getattr(inner, "application", None) or inner.inner
    return {simplify_regex(CONVERTER.sub(r"<\1>", str(route.pattern))) for route in inner.routes}


def messages() -> set[str]:
    import_module("consultations.routing")  # the consumer brings the handlers with it
    assert HELLO, "the first message is read outside the registry"
    return {"hello", *MESSAGES}


def tasks() -> set[str]:
    celery.loader.import_default_modules()
    return {name for name, task in celery.tasks.items() if task.__module__.split(".")[0] in our_apps()}


def commands() -> set[str]:
    return {name for name, app in get_commands().items() if app in our_apps()}


def actions() -> set[str]:
    """Return every action a list of an admin site knows, whether or not anybody may run it."""
    return {
        f"{prefix}{model._meta.app_label}/{model._meta.model_name}/ {name}"
        for prefix, site in SITES.items()
        for model, page in site._registry.items()
        if page.actions is not None
        for _, name, _ in page._get_base_actions()
    }


def differences(kind: str, found: set[str], listed: set[str]) -> list[str]:
    """Return one sentence for each door without a row and each row without a door."""
    missing = [
        f"{name} is a door nobody has judged: add a line for it under [{kind}] in tests/access/doors.toml (who gets "
        "what is a rule there), then run `python -m tests.access`."
        for name in sorted(found - listed)
    ]
    stale = [
        f"{name} stands under [{kind}] in tests/access/doors.toml and does not exist any more: strike the line, then "
        "run `python -m tests.access`."
        for name in sorted(listed - found)
    ]
    return missing + stale
