"""Words that machines chose, on pages for people: types of objects by their names, all others marked as code."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from audit.models import Alert, Entry

# What the ledger does not call by the name of its model.
OTHER_NAMES = {"suspension": "playbacksuspension"}


def as_code(word: str) -> str:
    """Return the markup of a word that is never translated: it is what the ledger and the documentation say."""
    return format_html("<code>{}</code>", word) if word else ""


def name_of_type(object_type: str) -> str:
    """Return what people call it, in their language; what is unknown stays as it was written."""
    return str(_names().get(OTHER_NAMES.get(object_type, object_type), object_type))


@cache
def _names() -> dict[str | None, Any]:
    """Return by model what it is called, in words that are translated when they are read."""
    return {model._meta.model_name: model._meta.verbose_name for model in apps.get_models()}


class ObjectTypeFilter(admin.AllValuesFieldListFilter):
    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield choice | {"display": name_of_type(str(choice["display"]))}


class AboutAnObject(admin.ModelAdmin):  # type: ignore[type-arg]
    """Columns for rows that name an object by its type, and say why in a word of a closed vocabulary."""

    @admin.display(description=_("of what"), ordering="object_type")
    def kind_of_object(self, row: Entry | Alert) -> str:
        return name_of_type(row.object_type)

    @admin.display(description=_("reason"), ordering="reason")
    def reason_code(self, entry: Entry) -> str:
        return as_code(entry.reason)

    @admin.display(description=_("details"))
    def detail_code(self, row: Entry | Alert) -> str:
        return as_code(json.dumps(row.detail) if row.detail else "")
