"""The portal home, landing by role, and health. Composes what the apps offer."""

import logging
from typing import Any

from allauth.account.views import LoginView
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.roles import LANDING, role_of
from accounts.sites import clinic_site
from audit import ledger
from audit.ledger import actor_of
from consultations import booking_pages, consent_pages, day_pages, note_pages
from consultations import pages as consultation_pages
from recordings import missing, playback, safe
from recordings import pages as recording_pages
from recordings.guard import Shown
from recordings.vault import VaultError
from telehealth import demo

LAST_REPLAYS = 3
MOST_UNFINISHED = 10
log = logging.getLogger(__name__)


class SignInView(LoginView):  # type: ignore[misc]
    """The one sign-in page of all three surfaces; a demo names its people on it."""

    def get_context_data(self, **facts: Any) -> dict[str, Any]:
        people = demo.sign_ins() if settings.IS_DEMO_ALLOWED else []
        return {**super().get_context_data(**facts), "demo_people": people}


@require_safe
@login_required
def landing(request: HttpRequest) -> HttpResponse:
    return redirect(LANDING[role_of(request.user)])


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """What is next, what came out of the last one, who has looked."""
    if role_of(request.user) != "patient":
        return redirect(LANDING[role_of(request.user)])
    now = timezone.now()
    upcoming = consultation_pages.upcoming(request.user, now)
    replays = _last_replays(request)
    context = {
        "next": upcoming[0] if upcoming else None,
        "wait": day_pages.wait(request.user, upcoming[0]["consultation"], now=now) if upcoming else None,
        "answer": consent_pages.answer_of(request.user, upcoming[0]["consultation"], now=now) if upcoming else None,
        "upcoming": upcoming[1:],
        "waiting": booking_pages.waiting(request.user, now),
        "last_replays": recording_pages.rows(replays),
        "notes": note_pages.news(request.user),
        "accesses": recording_pages.accesses(replays, request.user, most=5),
    }
    return render(request, "home.html", context)


def _last_replays(request: HttpRequest) -> list[Shown]:
    return playback.last_replays(request.user, LAST_REPLAYS, actor=actor_of(request), now=timezone.now())


@require_safe
def today(request: HttpRequest) -> HttpResponse:
    """The clinician's day, asking again by itself."""
    return render(request, "clinic/_today.html", {"today": day_pages.today(request.user, timezone.now())})


@require_safe
def clinic_index(request: HttpRequest) -> HttpResponse:
    replays = recording_pages.rows(_last_replays(request))
    day = day_pages.today(request.user, timezone.now())
    unfinished = playback.unfinished_of(request.user, MOST_UNFINISHED, actor=actor_of(request), now=timezone.now())
    panels = {"today": day, "recent_replays": replays, "unfinished": missing.rows(unfinished)}
    return clinic_site.index(request, panels)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether the ledger can be read, the master key opens and the storage is there; why not, to the log alone.

    The broker is not asked: it is a doorbell, and calls, pages and replays go on without it.
    """
    try:
        ledger.tip()
        safe.vault().check()
    except (DatabaseError, VaultError) as error:
        log.error("not ready: %s", error)
        return HttpResponse("not ready", status=503, content_type="text/plain")
    return HttpResponse("ready", content_type="text/plain")
