"""The two admin sites. Each app registers its staff views in `admin.py`, its clinician views in `clinic.py`."""

import json
from collections.abc import Iterable
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from accounts.roles import role_of
from audit import ledger
from audit.days import Days
from audit.ledger import Line
from audit.models import Action


class PortalSite(AdminSite):
    """An admin site that uses the portal's one sign-in page."""

    enable_nav_sidebar = False
    roles: frozenset[str] = frozenset()

    def has_permission(self, request: HttpRequest) -> bool:
        return role_of(request.user) in self.roles

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.user.is_authenticated:
            return redirect("landing")
        return redirect_to_login(request.get_full_path())


OUR_APPS = frozenset({"accounts", "audit", "notices", "patients", "consultations", "recordings"})
LOOKUPS = frozenset({"exact", "isnull", "isempty", "in", "id__exact"})


class OfferedLookupsAdmin(ModelAdmin):  # type: ignore[type-arg]
    """Takes only the filters its page offers.

    SECURITY: Django lets any column of the model be asked about in the address, and whether a row is listed is the
    answer: letter by letter a password's hash, word by word why somebody came.
    """

    list_per_page = 25

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        offered = {name for one in self.get_list_filter(request) for name in _names(one)}
        path, _, last = lookup.rpartition("__")
        if path.endswith("__id"):
            path, last = path.removesuffix("__id"), f"id__{last}"
        return lookup in offered or (path in offered and last in LOOKUPS)


def _names(one: Any) -> Iterable[str | None]:
    """Return what a filter calls itself in the address: its field, or words of its own."""
    if isinstance(one, tuple):
        field, kind = one
        return kind.OFFERED if issubclass(kind, Days) else [field]
    return [one] if isinstance(one, str) else [one.parameter_name]


class StaffSite(PortalSite):
    """Takes our own pages only.

    SECURITY: allauth's would let an address be added to a standing account, and its password be asked for there.
    """

    site_header = site_title = _("Telehealth staff")
    index_title = _("Staff")
    index_template = "admin/staff_index.html"
    roles = frozenset({"staff"})

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else list(model_or_iterable)
        ours = [model for model in models if model._meta.app_label in OUR_APPS]
        for model in ours:
            if getattr(model, "is_content", False):
                raise ImproperlyConfigured(f"{model._meta.label} is content: staff see that it exists, never itself.")
        super().register(ours, admin_class, **options)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """What is offered while somebody types is a list of people, and noted like every other.

        SECURITY: without its line it is not answered; what was typed may be a name and is not kept.
        """
        answer = super().autocomplete_view(request)
        if request.method not in {"GET", "HEAD"}:
            return answer
        detail = {
            "shown": len(json.loads(answer.content)["results"]),
            "by": ["term"] if request.GET.get("term") else [],
        }
        line = Line(Action.LISTED, request.GET["model_name"], reason="choice", detail=detail)
        ledger.append(ledger.actor_of(request), line)
        return answer


class ClinicSite(PortalSite):
    site_header = site_title = _("Telehealth clinic")
    index_title = _("Today")
    index_template = "clinic/index.html"
    roles = frozenset({"clinician"})


clinic_site = ClinicSite(name="clinic")
