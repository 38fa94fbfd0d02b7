"""Pages about recordings: the list, the player, how far a preparation is."""

import json
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit import refusals
from audit.ledger import actor_of
from consultations import policy as consultation_policy
from recordings import pages, playback, policy

PER_PAGE = 25
MOST_SECONDS_AT_ONCE = 120


@require_safe
@login_required
def recording_list(request: HttpRequest) -> HttpResponse:
    own = policy.playable_by(request.user).select_related("consultation", "patient", "clinician__user")
    page = Paginator(own.order_by("-created_at", "-id"), PER_PAGE).get_page(request.GET.get("page"))
    recordings = list(page)
    playback.record_listing(recordings, actor=actor_of(request), now=timezone.now())
    replays = [pages.row(request.user, recording) for recording in recordings]
    return render(request, "recordings/list.html", {"replays": replays, "page_obj": page})


@require_safe
@login_required
def recording_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    opened = playback.open_replay(request.user, pk, actor=actor_of(request), now=timezone.now())
    recording = opened.recording
    context = {
        "recording": pages.row(request.user, recording),
        "content_type": opened.rendition.content_type,
        "media_url": reverse("recordings:media", args=[pk]),
        "watched_url": reverse("recordings:watched", args=[pk]),
        "timeline": pages.parts(request.user, recording),
        "accesses": pages.accesses([pk], request.user),
        "audience_text": pages.audience_text(request.user, recording),
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
    context = {"consultation": consultation, "status": pages.status_of(request.user, pk)}
    return render(request, "consultations/_recording_status.html", context)
