"""What every clinician page in `/clinic/` shares: one's own rows only, looked at and never changed here."""

from typing import Any
from uuid import UUID

from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.roles import role_of
from accounts.sites import OfferedLookupsAdmin


class OwnRowsAdmin(OfferedLookupsAdmin):
    """Read-only. `own_rows` is the policy's queryset; nothing outside it exists here."""

    actions = None
    show_full_result_count = False

    def own_rows(self, request: HttpRequest) -> QuerySet[Any]:
        raise NotImplementedError

    def note_absence(self, request: HttpRequest, object_id: UUID) -> None:
        """Write down that this is not theirs, as the policy sees it. Rows with no patient in them need no line.

        Errors: TooManyRefusals, LedgerUnavailable.
        """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.own_rows(request)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        # SECURITY: Django's one answer to a row that is not there, whichever of its views is asked, by any method.
        try:
            asked = UUID(unquote(object_id))
        except ValueError:
            pass  # what is no id says nothing of anybody's row
        else:
            self.note_absence(request, asked)
        answer: HttpResponse = super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # type: ignore[misc]
        return answer

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
