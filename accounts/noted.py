"""Staff pages about one person: who opens one, and what they change there, stands in the ledger."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin.views.main import SEARCH_VAR
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.sites import OfferedLookupsAdmin
from audit import ledger
from audit.ledger import Line
from audit.models import Action

MOST_NAMED = 25  # a page; who asks for all of a long list has not looked for anybody
FOUND = "found"


class Why(models.TextChoices):
    """Why somebody's access is changed."""

    JOINED = "joined", _("They begin to work here")
    LEFT = "left", _("They leave")
    ROLE = "role", _("Their work is another one")
    ASKED = "asked", _("They asked for it")
    MISUSE = "misuse", _("Somebody else may know their password, or it was misused")
    MISTAKE = "mistake", _("It was set by mistake")


class ReasonForm(forms.ModelForm):  # type: ignore[type-arg]
    """Asks why where somebody's access is changed; `access` names the fields that decide it."""

    access: frozenset[str] = frozenset()
    why = forms.ChoiceField(
        label=_("Why"),
        choices=[("", "–"), *Why.choices],
        required=False,
        help_text=_("Needed when you change whether they can sign in, or what they may do here."),
    )

    def clean(self) -> dict[str, Any]:
        facts = super().clean() or {}
        if self.access & set(self.changed_data) and not facts.get("why"):
            self.add_error("why", _("Say why you change what this person may do."))
        return facts


class NotedPages(OfferedLookupsAdmin):
    """Who looks at a row or at a list of them stands in the ledger.

    SECURITY: the line is written before the page is made; with the ledger down nothing of it is shown.
    """

    def patient_of(self, obj: Any) -> UUID | None:
        """Return whose patient's page this is, if it is one's."""
        return None

    def note(self, request: HttpRequest, action: Action, obj: Any, reason: str = "", **detail: Any) -> None:
        line = Line(action, self.opts.model_name or "", obj.pk, self.patient_of(obj), reason=reason, detail=detail)
        ledger.append(ledger.actor_of(request), line)

    def note_list(self, request: HttpRequest, rows: Sequence[Any], by: Collection[str]) -> None:
        """Say how many rows are shown and which filters were used, never what was searched for: it may be a name.

        Whoever a search has found is named by a line of their own: who was looked up can be told by whom.
        """
        name = self.opts.model_name or ""
        lines = [Line(Action.LISTED, name, detail={"shown": len(rows), "by": sorted(by)})]
        if SEARCH_VAR in by and len(rows) <= MOST_NAMED:
            each = {self.patient_of(row) or row.pk: row for row in rows}
            lines += [Line(Action.LISTED, name, row.pk, self.patient_of(row), FOUND) for row in each.values()]
        ledger.append(ledger.actor_of(request), *lines)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        page = super().changelist_view(request, extra_context)
        if changes := (getattr(page, "context_data", None) or {}).get("cl"):
            by = {*changes.params, *([SEARCH_VAR] if changes.query else [])}
            self.note_list(request, list(changes.result_list), by)
        return page

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


class NotedAdmin(NotedPages):
    """What is changed there stands in the ledger, too; and why, where it is somebody's access."""

    change_form_template = "admin/noted_change_form.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask why only whoever may change something."""
        fieldsets = super().get_fieldsets(request, obj)
        if self.has_change_permission(request, obj):
            return fieldsets
        return [(name, {**has, "fields": [one for one in has["fields"] if one != "why"]}) for name, has in fieldsets]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and say which fields were changed, never what they hold; in one transaction."""
        super().save_model(request, obj, form, change)
        if form.changed_data:
            action = Action.CHANGED if change else Action.REGISTERED
            self.note(
                request, action, obj, form.cleaned_data.get("why", ""), fields=sorted(set(form.changed_data) - {"why"})
            )
