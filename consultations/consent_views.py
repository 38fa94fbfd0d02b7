"""What somebody allowed to be recorded, in the words they read."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from consultations.models import RecordingConsent
from consultations.wordings import read_for

PER_PAGE = 25


@require_safe
@login_required
def consented(request: HttpRequest) -> HttpResponse:
    own = RecordingConsent.objects.filter(participant__user=request.user.pk).select_related("participant__consultation")
    page = Paginator(own.order_by("-given_at", "-id"), PER_PAGE).get_page(request.GET.get("page"))
    texts = read_for(page)
    rows = [{"consent": one, "wording": texts.get((one.wording_version, one.wording_sha256))} for one in page]
    return render(request, "account/consents.html", {"rows": rows, "page_obj": page})
