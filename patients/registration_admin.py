"""Staff register people on one form, which invites them too, and invite again whoever has not come yet."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.invitations import AlreadyHere
from accounts.models import User
from accounts.noted import NotedAdmin
from audit.ledger import actor_of
from notices import invitations, outbox
from notices.invitations import State
from patients import registration
from patients.models import Clinician, Patient
from patients.registration import CannotInvite
from patients.registration_forms import KNOWN_ADDRESS

KNOWN_NUMBER = gettext_lazy("This number was registered a moment ago. Look for it in the list.")


class RegisteringAdmin(NotedAdmin):
    """Add is one form for the account, the profile and the invitation; nothing of it stands alone."""

    person_form: type[forms.Form]
    register: Callable[..., Patient | Clinician]
    add_title: Any
    add_hint: Any

    def get_urls(self) -> list[URLPattern]:
        again = self.admin_site.admin_view(self.invite_again)
        return [path("<uuid:pk>/invite/", again, name=self.name_of("invite")), *super().get_urls()]

    def name_of(self, what: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{what}"

    def page(self, request: HttpRequest, template: str, title: Any, **facts: Any) -> TemplateResponse:
        common = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, f"admin/patients/{template}.html", common | facts)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.person_form(request.POST if request.method == "POST" else None)
        if form.is_valid() and (made := self._registered(request, form)):
            self.invited(request, [made.user])
            return redirect(reverse(f"admin:{self.name_of('change')}", args=[made.pk]))
        return self.page(request, "register", self.add_title, form=form, hint=self.add_hint)

    def _registered(self, request: HttpRequest, form: Any) -> Any:
        try:
            return type(self).register(form.new(), actor=actor_of(request), now=timezone.now())
        except AlreadyHere:
            form.add_error("email", KNOWN_ADDRESS)
        except IntegrityError:
            # RACE: registered by somebody else since the form was checked.
            form.add_error(None, KNOWN_NUMBER)
        return None

    def invited(self, request: HttpRequest, people: list[User]) -> None:
        """Say that their invitations are owed, and whether letters go out at the moment."""
        text = ngettext("An invitation is on its way.", "%(n)d invitations are on their way.", len(people))
        messages.success(request, text % {"n": len(people)})
        if outbox.is_held_up():
            text = _("Letters cannot be sent at the moment. The portal keeps trying; “sign-in” says how far it is.")
            messages.warning(request, text)

    def invite_again(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        profile = get_object_or_404(self.model.objects.select_related("user"), pk=pk)
        there = redirect(reverse(f"admin:{self.name_of('change')}", args=[pk]))
        try:
            if request.method == "POST":
                user = registration.invite_again(profile, actor=actor_of(request), now=timezone.now())
                self.invited(request, [user])
                return there
            user = registration.demand_uninvited(profile.user)
        except CannotInvite:
            messages.info(request, _("This account needs no invitation: its owner has a password, or it is closed."))
            return there
        return self.page(request, "invite", _("Invite again"), profile=profile, email=user.email)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return invitations.marked(super().get_queryset(request))

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Offer "Invite again" in the row to who may do it."""
        columns = list(super().get_list_display(request))
        return columns if self.has_add_permission(request) else [*columns[:-1], "sign_in"]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        profile = self.get_object(request, object_id)
        may = profile is not None and self.has_add_permission(request) and _is_invited(profile.user)
        address = reverse(f"admin:{self.name_of('invite')}", args=[profile.pk]) if profile and may else ""
        return super().change_view(request, object_id, form_url, {"invite_url": address} | (extra_context or {}))

    @admin.display(description=gettext_lazy("sign-in"))
    def sign_in(self, profile: Any) -> str:
        """Say how far somebody is: no account, how far their invitation is, can sign in, or closed."""
        user: User | None = profile.user
        if user is None:
            return _("no account")
        if not user.is_active:
            return _("closed")
        return str(State(profile.invitation or State.SENT).label) if _is_invited(user) else _("can sign in")

    @admin.display(description=gettext_lazy("sign-in"))
    def sign_in_or_invite(self, profile: Any) -> str:
        if not _is_invited(profile.user):
            return self.sign_in(profile)
        address = reverse(f"admin:{self.name_of('invite')}", args=[profile.pk])
        return format_html('{} · <a href="{}">{}</a>', self.sign_in(profile), address, _("Invite again"))


def _is_invited(user: User | None) -> bool:
    try:
        registration.demand_uninvited(user)
    except CannotInvite:
        return False
    return True
