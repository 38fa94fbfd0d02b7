"""The page that says what is kept of a recording, how long and why, and where its patient asks to delete it."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from audit import refusals
from audit.ledger import actor_of
from recordings import deletion, holds, pages, playback, retention
from recordings.deletion import CannotDelete
from recordings.guard import Shown


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def keeping(request: HttpRequest, pk: UUID) -> HttpResponse:
    shown = playback.held_or_404(request.user, pk, actor=actor_of(request), now=timezone.now())
    if request.method == "POST":
        with refusals.noted(request, "recording", pk):
            _act(request, shown)
        return redirect("recordings:keeping", pk=pk)
    keeping = retention.told(timezone.now())
    context = {
        "recording": pages.row(shown),
        "kept_until": pages.kept_until(shown),
        "keeping": keeping,
        "sooner": pages.kept_sooner(shown, keeping.coming),
        "hold": holds.standing(pk),
        "expired_at": pages.expired_at(shown),
        "request_to_delete": deletion.newest_of(shown),
        "may_ask": deletion.may_be_asked(shown),
        "is_patient": deletion.is_its_patient(shown),
    }
    return render(request, "recordings/keeping.html", context)


def _act(request: HttpRequest, shown: Shown) -> None:
    """Take the request back if that is asked, else make it. Errors: Http404 for everybody but the patient."""
    actor, now = actor_of(request), timezone.now()
    try:
        if request.POST.get("act") == "withdraw":
            deletion.withdraw(shown, actor=actor, now=now)
            messages.success(request, _("Taken back. The recording is kept."))
        else:
            deletion.ask(shown, actor=actor, now=now)
            messages.success(request, _("Your request is with the clinic. The answer will stand here."))
    except CannotDelete as refusal:
        messages.warning(request, str(refusal))
