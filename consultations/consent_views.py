"""What somebody allows to be recorded: answered before the call, and read again in the words they were asked with."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.paging import part
from audit import refusals
from audit.ledger import actor_of
from consultations import consents, policy
from consultations.calls import Refused
from consultations.consent_forms import ALLOW, AnswerForm
from consultations.models import Call, RecordingConsent
from consultations.wordings import read_for

PER_PAGE = 25


@require_POST
@login_required
def answer(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Answer for oneself whether the consultation may be recorded; in the lobby it stands as answered."""
    with refusals.noted(request, "consultation", pk):
        place = policy.get_place_or_404(request.user, pk)
    form = AnswerForm(request.POST)
    live = Call.objects.filter(consultation=pk, status=Call.Status.LIVE).values_list("pk", flat=True).first()
    facts: dict[str, Any] = {"by": place, "actor": actor_of(request), "now": timezone.now()}
    try:
        if not form.is_valid():
            raise Refused("bad_shape", "")
        if form.cleaned_data["answer"] == ALLOW:
            read = {name: form.cleaned_data[name] for name in ("version", "sha256")}
            consents.give(live, scope=form.scope(), **read, **facts)
        else:
            consents.decline(live, **facts)
    except Refused as refusal:
        messages.warning(request, _why_not(refusal))
    return redirect(f"{reverse('consultations:detail', args=[pk])}#recording-title")


def _why_not(refusal: Refused) -> str:
    if refusal.code == "closed":
        return _("This consultation has begun or is over. What may be recorded is said in the call.")
    return _("Your answer was not noted, because the text or the waiting room has changed. Read it and answer again.")


@require_safe
@login_required
def consented(request: HttpRequest) -> HttpResponse:
    own = RecordingConsent.objects.filter(participant__user=request.user.pk).select_related("participant__consultation")
    newest = own.order_by("-given_at", "-id")
    page = part(request.GET.get("page"), PER_PAGE, lambda between: newest[between])
    texts = read_for(page)
    rows = [{"consent": one, "wording": texts.get((one.wording_version, one.wording_sha256))} for one in page]
    return render(request, "account/consents.html", {"rows": rows, "page_obj": page})
