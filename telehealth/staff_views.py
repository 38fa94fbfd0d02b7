"""The staff's start page: what is going on now, and what waits for somebody. Composes what the apps say of it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from audit import overview as ledger_overview
from consultations import overview as day_overview
from recordings import overview as recording_overview


def _now(request: HttpRequest) -> dict[str, Any]:
    """Say each thing only to who may look at its list."""
    facts: dict[str, Any] = {}
    if request.user.has_perm("consultations.view_consultation"):
        now = timezone.now()
        facts |= {"sees_day": True, "waiting": day_overview.waiting(now), "states": day_overview.today_by_state(now)}
        facts["expected"] = day_overview.expected(now)
    if request.user.has_perm("recordings.view_recording"):
        facts["recordings"] = recording_overview.still_open()
    if request.user.has_perm("audit.view_entry"):
        facts |= {"ledger": ledger_overview.state(), "alerts": ledger_overview.open_alerts()}
    return facts


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return admin.site.index(request, _now(request))


@require_safe
def now(request: HttpRequest) -> HttpResponse:
    """The part that asks again by itself."""
    return render(request, "admin/_now.html", _now(request))
