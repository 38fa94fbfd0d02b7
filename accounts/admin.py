"""Staff manage who can sign in. Nobody sets another's password, nobody is made a superuser, nobody is deleted."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import invitations
from accounts.models import User
from accounts.noted import NotedAdmin, ReasonForm
from audit.ledger import actor_of


class GroupChoice(forms.ModelMultipleChoiceField):
    """The portal makes the groups, so it can say their names in any language."""

    def label_from_instance(self, group: Group) -> str:  # type: ignore[override]
        return gettext(group.name)


class PersonForm(ReasonForm):
    access = frozenset({"is_active", "is_staff", "groups"})
    groups = GroupChoice(
        Group.objects.order_by("name"), label=_("Groups"), required=False, widget=forms.CheckboxSelectMultiple
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)


class GroupFilter(admin.RelatedFieldListFilter):
    def field_choices(self, *which: Any) -> list[tuple[str, Any]]:  # type: ignore[override]
        return [(pk, gettext(str(name))) for pk, name in super().field_choices(*which)]


@admin.register(User)
class PersonAdmin(NotedAdmin):
    """SECURITY: no password field. Who could set a clinician's password could watch what that clinician may."""

    form = PersonForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", ("groups", GroupFilter))
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (_("Person"), {"fields": ("email", "name", "time_zone", "language")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "groups", "why")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        # SECURITY: a standing account's email leads to its password by "Forgot your password?".
        return (*self.readonly_fields, "email") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """A new account is invited: its owner chooses the password."""
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if not change:
            invitations.invite(obj, actor=actor_of(request), now=timezone.now())
            messages.info(request, _("They get a letter with a link to choose a password."))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False
