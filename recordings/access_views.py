"""The page that says who has seen a recording, and what else happened with it."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from audit import refusals
from audit.ledger import actor_of
from recordings import history, pages, playback, unrecognised

BIGGEST_LINE = 2**63 - 1


@require_safe
@login_required
def access(request: HttpRequest, pk: UUID) -> HttpResponse:
    shown = playback.held_or_404(request.user, pk, actor=actor_of(request), now=timezone.now())
    page = history.page_of(shown, request.GET.get("page"))
    return render(request, "recordings/access.html", {"recording": pages.row(shown), "rows": page, "page_obj": page})


@require_POST
@login_required
def report(request: HttpRequest, pk: UUID, line: int) -> HttpResponse:
    """“I don't recognise this”: staff hear of it before this answers."""
    actor, now = actor_of(request), timezone.now()
    shown = playback.held_or_404(request.user, pk, actor=actor, now=now)
    with refusals.noted(request, "recording", pk):
        if line > BIGGEST_LINE:
            raise Http404
        unrecognised.report(shown, line, actor=actor, now=now)
    messages.success(request, _("Thank you. Staff have been told and look into it. Their answer will stand here."))
    return redirect("recordings:access", pk=pk)
