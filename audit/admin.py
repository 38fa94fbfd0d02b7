"""Staff read the ledger, which nobody changes, and close alerts with a note."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit import alerts, ledger, overview, search
from audit.codes import AboutAnObject, ObjectTypeFilter
from audit.days import Days
from audit.models import Action, Alert, Entry

OFFERED = frozenset({"action__exact", "object_type", "object_type__exact", "object_type__isnull", *Days.OFFERED})


@admin.register(Entry)
class EntryAdmin(AboutAnObject):
    list_display = ("seq", "at", "action", "kind_of_object", "object_id", "actor", "reason_code")
    list_filter = (("at", Days), "action", ("object_type", ObjectTypeFilter))
    show_facets = admin.ShowFacets.NEVER  # counting each is another search
    # Looked for by `search.about`; the name only says that there is a field to type in.
    search_fields = ("object_id",)
    search_help_text = _(
        "The email address of somebody, a patient's NHS number, or any id. Who searches stands in the ledger, too."
    )
    ordering = ("-seq",)
    show_full_result_count = False
    list_per_page = 50
    fields = (
        "seq",
        "at",
        "action",
        "kind_of_object",
        "object_id",
        "patient",
        "actor",
        "reason_code",
        "detail_code",
        "session_hash",
        "request_id",
        "prev_hash",
        "hash",
    )
    readonly_fields = fields
    change_list_template = "admin/audit/entry/change_list.html"

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # SECURITY: any other column in the address would show somebody's lines and leave no line about who looked.
        return lookup in OFFERED

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Entry], search_term: str
    ) -> tuple[QuerySet[Entry], bool]:
        if not search_term.strip():
            return queryset, False
        return search.about(queryset, search_term, actor=ledger.actor_of(request)), False

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Entry | None = None,
    ) -> HttpResponse:
        if obj is not None:
            line = ledger.Line(Action.OPENED, "entry", obj.object_id, obj.patient, detail={"line": obj.seq})
            ledger.append(ledger.actor_of(request), line)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say above the lines how far they are anchored and what the verifier found last."""
        own = {"title": _("The ledger")} | vars(overview.state())
        return super().changelist_view(request, own | (extra_context or {}))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AlertForm(forms.ModelForm):  # type: ignore[type-arg]
    note = forms.CharField(label=_("What was found and done"), widget=forms.Textarea)


@admin.register(Alert)
class AlertAdmin(AboutAnObject):
    """An open alert is changed once: by the note that closes it."""

    list_display = ("kind", "last_at", "times", "kind_of_object", "object_id", "actor", "handled_at")
    list_filter = ("kind", ("handled_at", admin.EmptyFieldListFilter))
    ordering = (F("handled_at").asc(nulls_first=True), "-last_at")
    form = AlertForm
    fields = (
        "kind",
        "raised_at",
        "last_at",
        "times",
        "actor",
        "kind_of_object",
        "object_id",
        "patient",
        "detail_code",
        "handled_at",
        "handled_by",
        "note",
    )
    readonly_fields = fields[:-1]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.handled_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Alert, form: Any, change: bool) -> None:
        alerts.handle(obj, actor=ledger.actor_of(request), note=form.cleaned_data["note"], now=timezone.now())
