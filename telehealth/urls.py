"""Every address of the portal."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import JavaScriptCatalog
from drf_spectacular.views import SpectacularAPIView

from accounts.sites import clinic_site
from consultations import calendar_views, week
from consultations.consent_views import consented
from telehealth import retention_pages, staff_pages, staff_views, views, wording_pages

clinic_urls, clinic_app, clinic_namespace = clinic_site.urls
clinic_urls = [
    path("", clinic_site.admin_view(views.clinic_index), name="index"),
    path("today/", clinic_site.admin_view(views.today), name="today"),
    path("week/", clinic_site.admin_view(week.week), name="week"),
    *[pattern for pattern in clinic_urls if getattr(pattern, "name", "") != "index"],
]

staff_urls, staff_app, staff_namespace = admin.site.urls
staff_urls = [
    path("", admin.site.admin_view(staff_views.index), name="index"),
    path("now/", admin.site.admin_view(staff_views.now), name="now"),
    path("figures/", admin.site.admin_view(staff_pages.figures), name="figures"),
    path("wordings/", admin.site.admin_view(wording_pages.wordings_page), name="wordings"),
    path("retention/", admin.site.admin_view(retention_pages.retention_page), name="retention"),
    *[pattern for pattern in staff_urls if getattr(pattern, "name", "") != "index"],
]

urlpatterns = [
    path("", views.home, name="home"),
    path("landing/", views.landing, name="landing"),
    path("account/login/", views.SignInView.as_view(), name="account_login"),
    path("account/", include("accounts.urls")),
    path("account/needs/", include("patients.urls")),
    path("account/notices/", include("notices.urls")),
    path("account/consents/", consented, name="consents"),
    # SECURITY: allauth's own page would let people change the address they sign in with.
    path("account/email/", RedirectView.as_view(pattern_name="account"), name="account_email"),
    path("account/", include("allauth.account.urls")),
    path("book/", include("consultations.booking_urls")),
    path("consultations/", include("consultations.urls")),
    path("calendar/<str:token>.ics", calendar_views.feed, name="calendar-feed"),
    path("recordings/", include("recordings.urls")),
    path("api/v1/", include("recordings.api_urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("clinic/", (clinic_urls, clinic_app, clinic_namespace)),
    path("admin/", (staff_urls, staff_app, staff_namespace)),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="javascript-catalog"),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
]
