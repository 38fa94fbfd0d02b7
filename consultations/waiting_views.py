"""Pages of the waiting list, for patients: leave a wish, take or pass a time that became free."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from audit import refusals
from audit.ledger import actor_of
from consultations import booking_pages, drafts, policy, waiting_list
from consultations.booking import TooManyPlanned
from consultations.booking_forms import WaitForm
from consultations.booking_views import READ_AND_POST, for_patients
from consultations.models import SlotOffer, WaitingListEntry
from consultations.waiting_list import OfferOver
from patients.models import Patient


@require_http_methods(READ_AND_POST)
@for_patients
def wait(request: HttpRequest, patient: Patient) -> HttpResponse:
    """Leave a wish, change it, or withdraw it."""
    standing, now = waiting_list.wish_of(request.user), timezone.now()
    if request.POST.get("act") == "leave":
        if standing is not None:
            waiting_list.leave(standing)
        messages.success(request, _("You are no longer on the waiting list."))
        return redirect("consultations:list")
    choices = booking_pages.choices(patient)
    asked = request.POST if request.method == "POST" else None
    form = WaitForm(asked, choices=choices, today=timezone.localdate(now), initial=_initial(request, standing))
    if form.is_valid():
        chosen, until = form.clinician_id(), form.cleaned_data["until"]
        clinician = policy.clinicians_of(patient).get(pk=chosen) if chosen else None
        if waiting_list.fitting(patient, clinician, until, now=now):
            drafts.keep(request, patient, form)
            messages.info(request, _("There are free times until that day. You can book one now."))
            return redirect(f"{reverse('booking:times')}?{urlencode({'with': form.cleaned_data['clinician']})}")
        waiting_list.join(patient, clinician=clinician, until=until, wishes=form.wishes(), now=now)
        messages.success(request, _("You are on the waiting list. As soon as a time is free for you, it stands here."))
        return redirect("consultations:list")
    return render(request, "booking/wait.html", {"form": form, "wish": standing})


def _initial(request: HttpRequest, standing: WaitingListEntry | None) -> dict[str, Any]:
    if standing is None:
        return {"clinician": request.GET.get("with", "")}
    return {
        "clinician": str(standing.clinician_id or booking_pages.ANYBODY),
        "until": standing.until,
        "reason": standing.reason,
        "preferred_mode": standing.preferred_mode,
        "adjustments": standing.adjustments,
    }


@require_http_methods(READ_AND_POST)
@for_patients
def offer(request: HttpRequest, patient: Patient, pk: UUID) -> HttpResponse:
    """A time that is kept for this patient: take it, or let the next one have it."""
    own = SlotOffer.objects.select_related("clinician__user", "patient__user")
    with refusals.noted(request, "slotoffer", pk):
        standing = get_object_or_404(own, pk=pk, patient=patient)
    now = timezone.now()
    try:
        if request.POST.get("act") == "take":
            consultation = waiting_list.accept(standing, actor=actor_of(request), now=now)
            return redirect("booking:done", pk=consultation.pk)
    except (OfferOver, TooManyPlanned) as refusal:
        messages.warning(request, str(refusal))
        return redirect("consultations:list")
    if request.POST.get("act") == "pass":
        waiting_list.pass_on(standing)
        messages.success(request, _("Somebody else can have this time. You stay on the waiting list."))
        return redirect("consultations:list")
    is_open = standing.status == SlotOffer.Status.OPEN and standing.expires_at > now
    context = {"offer": standing, "is_open": is_open, "zone": booking_pages.zone_hint(request.user)}
    return render(request, "booking/offer.html", context)
