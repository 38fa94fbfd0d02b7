"""Pages about recordings: the list, the player, how far a preparation is."""

import json
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit import refusals
from audit.ledger import actor_of
from consultations import policy as consultation_policy
from recordings import deletion, missing, pages, playback, retention

MOST_SECONDS_AT_ONCE = 120


@require_safe
@login_required
def recording_list(request: HttpRequest) -> HttpResponse:
    number, actor = request.GET.get("page"), actor_of(request)
    page = playback.page_of_replays(request.user, number, actor=actor, now=timezone.now())
    context = {
        "replays": pages.rows(page),
        "page_obj": page,
        "keeping": retention.told(timezone.now()),
        "requests": deletion.rows_of(request.user, actor=actor, now=timezone.now()),
    }
    return render(request, "recordings/list.html", context)


@require_safe
@login_required
def recording_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    opened = playback.open_replay(request.user, pk, actor=actor_of(request), now=timezone.now())
    shown = opened.shown
    note = pages.share_notes([shown])[pk]
    context = {
        "recording": pages.row(shown),
        "content_type": opened.rendition.content_type,
        "media_url": reverse("recordings:media", args=[pk]),
        "watched_url": reverse("recordings:watched", args=[pk]),
        "timeline": pages.parts(shown),
        "holes": missing.holes(shown),
        "accesses": pages.accesses([shown], request.user),
        "audience_text": pages.audience_text(shown, note),
        "is_own": shown.is_own,
        "is_patient": deletion.is_its_patient(shown),
        "kept_until": pages.kept_until(shown),
        "sooner": pages.kept_sooner(shown, retention.coming(timezone.now())),
        "request_to_delete": deletion.newest_of(shown),
        "note": note,
    }
    return render(request, "recordings/detail.html", context)


@require_POST
@login_required
def watched(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take the seconds the player really played: `{"seconds": n, "final": bool}`."""
    try:
        seconds = json.loads(request.body)["seconds"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return HttpResponseBadRequest()
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= MOST_SECONDS_AT_ONCE:
        return HttpResponseBadRequest()
    playback.count_seconds(request.user, pk, seconds, actor=actor_of(request), now=timezone.now())
    return HttpResponse(status=204)


@require_safe
@login_required
def status(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far the recording of a consultation is; asks again by itself until it is ready."""
    with refusals.noted(request, "consultation", pk):
        consultation = consultation_policy.get_visible_or_404(request.user, pk)
    shown = playback.of_consultation(request.user, pk, actor=actor_of(request), now=timezone.now())
    context = {"consultation": consultation, "status": pages.status_of(shown, pk)}
    return render(request, "consultations/_recording_status.html", context)
