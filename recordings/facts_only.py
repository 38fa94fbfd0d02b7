"""What every staff page about recordings shares: facts alone, looked at and never changed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from patients.admin import NeverDeleted
from recordings import guard


class OfARecording(NeverDeleted):
    @admin.display(description=_("recording"))
    def recording_pk(self, row: Any) -> str:
        return str(row.recording_id)


class FactsOnly(OfARecording):
    """SECURITY: a column that is not a fact is refused when the page is built, whoever added it."""

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return guard.only_facts(super().get_list_display(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return guard.only_facts(super().get_fields(request, obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
