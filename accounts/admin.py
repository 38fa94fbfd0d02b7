"""Staff manage who can sign in. Nobody sets another's password, nobody is made a superuser, nobody is deleted."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.noted import NotedAdmin

# What decides where somebody gets in.
ACCESS = frozenset({"is_active", "is_staff", "groups"})


class Why(models.TextChoices):
    """Why somebody's access is changed."""

    JOINED = "joined", _("They begin to work here")
    LEFT = "left", _("They leave")
    ROLE = "role", _("Their work is another one")
    ASKED = "asked", _("They asked for it")
    MISUSE = "misuse", _("Somebody else may know their password, or it was misused")
    MISTAKE = "mistake", _("It was set by mistake")


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    why = forms.ChoiceField(
        label=_("Why"),
        choices=[("", "–"), *Why.choices],
        required=False,
        help_text=_("Needed when you change whether they can sign in, or what they may do here."),
    )

    def clean(self) -> dict[str, Any]:
        facts = super().clean() or {}
        if ACCESS & set(self.changed_data) and not facts.get("why"):
            self.add_error("why", _("Say why you change what this person may do."))
        return facts


@admin.register(User)
class PersonAdmin(NotedAdmin):
    """SECURITY: no password field. Who could set a clinician's password could watch what that clinician may."""

    form = PersonForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ("groups",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (_("Person"), {"fields": ("email", "name", "time_zone", "language")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "groups", "why")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Ask why only whoever may change something."""
        if self.has_change_permission(request, obj):
            return self.fieldsets
        return [(name, {"fields": [one for one in has["fields"] if one != "why"]}) for name, has in self.fieldsets]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        # SECURITY: a standing account's email leads to its password by "Forgot your password?".
        return (*self.readonly_fields, "email") if obj else self.readonly_fields

    def why_of(self, form: Any) -> str:
        return str(form.cleaned_data.get("why", ""))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.set_unusable_password()  # they choose one by "Forgot your password?"
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False
