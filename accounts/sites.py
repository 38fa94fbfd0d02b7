"""The two admin sites. Each app registers its staff views in `admin.py`, its clinician views in `clinic.py`."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from accounts.roles import role_of


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


class StaffSite(PortalSite):
    site_header = site_title = _("Telehealth staff")
    index_title = _("Staff")
    roles = frozenset({"staff"})


class ClinicSite(PortalSite):
    site_header = site_title = _("Telehealth clinic")
    index_title = _("Today")
    index_template = "clinic/index.html"
    roles = frozenset({"clinician"})


clinic_site = ClinicSite(name="clinic")
