"""The staff's start page: what is going on now, and what waits for somebody. Composes what the apps say of it."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from audit import ledger
from audit import overview as ledger_overview
from audit.models import Action, Entry
from consultations import overview as day_overview
from recordings import overview as recording_overview

NOTED_EVERY = timedelta(minutes=10)


def _day(request: HttpRequest) -> dict[str, Any]:
    """Say who waits and who is expected; who is shown it stands in the ledger first. Without the ledger: nothing.

    The page asks again every few seconds, which is one look: a line in ten minutes.
    """
    now, actor = timezone.now(), ledger.actor_of(request)
    waiting, expected = day_overview.waiting(now), day_overview.expected(now)
    lines = Entry.objects.filter(actor=actor.id, action=Action.LISTED, object_type="consultation", reason="day")
    try:
        if not lines.filter(at__gt=now - NOTED_EVERY).exists():
            shown = {"shown": len(waiting) + len(expected), "by": []}
            ledger.append(actor, ledger.Line(Action.LISTED, "consultation", reason="day", detail=shown), now=now)
    except (DatabaseError, ledger.LedgerUnavailable):
        return {}
    states = day_overview.today_by_state(now)
    return {"sees_day": True, "waiting": waiting, "expected": expected, "states": states}


def _now(request: HttpRequest) -> dict[str, Any]:
    """Say each thing only to who may look at its list."""
    facts: dict[str, Any] = {}
    if request.user.has_perm("consultations.view_consultation"):
        facts |= _day(request)
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
