"""Staff read the ledger, which nobody changes, and close alerts with a note."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit import alerts, checkpoints, ledger
from audit.models import Alert, Entry, Verification


@admin.register(Entry)
class EntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("seq", "at", "action", "object_type", "object_id", "actor", "reason")
    list_filter = ("action", "object_type")
    ordering = ("-seq",)
    show_full_result_count = False
    change_list_template = "admin/audit/entry/change_list.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say above the lines how far they are anchored and what the verifier found last."""
        last, newest = checkpoints.last_known(), Entry.objects.order_by("-seq").values_list("seq", flat=True).first()
        state = {
            "checkpoint": last if last.number else None,
            "not_anchored": (newest or 0) - last.seq,
            "verification": Verification.objects.order_by("-pk").first(),
            "full_verification": Verification.objects.filter(is_full=True).order_by("-pk").first(),
        }
        return super().changelist_view(request, state | (extra_context or {}))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AlertForm(forms.ModelForm):  # type: ignore[type-arg]
    note = forms.CharField(label=_("What was found and done"), widget=forms.Textarea)


@admin.register(Alert)
class AlertAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """An open alert is changed once: by the note that closes it."""

    list_display = ("kind", "last_at", "times", "object_type", "object_id", "actor", "handled_at")
    list_filter = ("kind", ("handled_at", admin.EmptyFieldListFilter))
    ordering = (F("handled_at").asc(nulls_first=True), "-last_at")
    form = AlertForm
    fields = (
        "kind",
        "raised_at",
        "last_at",
        "times",
        "actor",
        "object_type",
        "object_id",
        "patient",
        "detail",
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
