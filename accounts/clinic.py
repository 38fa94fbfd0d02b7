"""What every clinician page in `/clinic/` shares: one's own rows only, looked at and never changed here."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.roles import role_of
from accounts.sites import OfferedLookupsAdmin


class OwnRowsAdmin(OfferedLookupsAdmin):
    """Read-only. `own_rows` is the policy's queryset; nothing outside it exists here."""

    actions = None
    show_full_result_count = False

    def own_rows(self, request: HttpRequest) -> QuerySet[Any]:
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.own_rows(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return role_of(request.user) == "clinician"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return role_of(request.user) == "clinician"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
