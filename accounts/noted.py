"""Staff pages about one person: who opens one, and what they change there, stands in the ledger."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from accounts.sites import OfferedLookupsAdmin
from audit import ledger
from audit.ledger import Line
from audit.models import Action


class NotedAdmin(OfferedLookupsAdmin):
    """SECURITY: the line is written before the page is made; with the ledger down nobody is shown."""

    def patient_of(self, obj: Any) -> UUID | None:
        """Return whose patient's page this is, if it is one's."""
        return None

    def why_of(self, form: Any) -> str:
        """Return the reason that the form asks for; a word of a closed vocabulary."""
        return ""

    def note(self, request: HttpRequest, action: Action, obj: Any, reason: str = "", **detail: Any) -> None:
        line = Line(action, self.opts.model_name or "", obj.pk, self.patient_of(obj), reason=reason, detail=detail)
        ledger.append(ledger.actor_of(request), line)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None:
            self.note(request, Action.OPENED, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id)
        if obj is not None and self.has_view_or_change_permission(request, obj):
            self.note(request, Action.OPENED, obj, "history")
        return super().history_view(request, object_id, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and say which fields were changed, never what they hold; in one transaction."""
        super().save_model(request, obj, form, change)
        if form.changed_data:
            action = Action.CHANGED if change else Action.REGISTERED
            self.note(request, action, obj, self.why_of(form), fields=sorted(set(form.changed_data) - {"why"}))
