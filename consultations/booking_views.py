"""Pages on which patients book, move and cancel. Plain forms and links; what they name is looked up afresh."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.roles import LANDING, role_of
from audit import refusals
from audit.ledger import actor_of
from consultations import booking, booking_pages, drafts, pages, policy
from consultations.booking import NotBookable, NotChangeable, TooManyPlanned
from consultations.booking_forms import NeedsForm, WhyForm, WishesForm
from consultations.models import Consultation
from patients.models import Clinician, Patient

GONE = "gone"
READ_AND_POST = ("GET", "HEAD", "POST")
PatientsView = Callable[..., HttpResponse]


def for_patients(view: PatientsView) -> Callable[..., HttpResponse]:
    """Give the view its patient; everybody else is sent where they belong."""

    @wraps(view)
    @login_required
    def with_patient(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        patient = policy.patient_of(request.user) if role_of(request.user) == "patient" else None
        if patient is None:
            return redirect(LANDING[role_of(request.user)])
        return view(request, patient, *args, **kwargs)

    return with_patient


@require_safe
@for_patients
def times(request: HttpRequest, patient: Patient) -> HttpResponse:
    """Whom and when: everything that is free, by day."""
    choices = booking_pages.choices(patient)
    asked = request.GET.get("with", "")
    # Somebody who is not theirs was met through "whoever is free first".
    keys = [choice["key"] for choice in choices]
    chosen = asked if asked in keys else keys[-1 if asked else 0]
    now = timezone.now()
    slots, ahead = booking_pages.soonest(patient, booking_pages.rules_for(patient, chosen), chosen, now=now)
    context = {
        "choices": choices,
        "chosen": chosen,
        "with_names": chosen == booking_pages.ANYBODY,
        "days": booking_pages.days(slots, request.GET.get("page")),
        "link": f"{reverse('booking:confirm')}?",
        "more": urlencode({"with": chosen}),
        "zone": booking_pages.zone_hint(request.user),
        "weeks": ahead.days // 7,
        "is_gone": GONE in request.GET,
        "waiting": booking_pages.waiting(request.user, now),
    }
    return render(request, "booking/times.html", context)


@require_http_methods(READ_AND_POST)
@for_patients
def confirm(request: HttpRequest, patient: Patient) -> HttpResponse:
    """One slot: why, how, and yes."""
    now, starts_at = timezone.now(), booking_pages.moment(request.GET.get("at", ""))
    if starts_at is None:
        return redirect("booking:times")
    clinician = _clinician(request.GET.get("with", ""))
    if clinician is None:
        return _gone(request)
    if own := booking.planned_then(patient, clinician, starts_at):  # they came back to the page before
        return redirect("booking:done", pk=own.pk)
    form = WishesForm(request.POST or None, initial=drafts.kept(request, patient))
    rules = policy.bookable_by(patient)
    try:
        if form.is_valid():
            consultation = booking.take(
                patient, rules, clinician=clinician, starts_at=starts_at, wishes=form.wishes(),
                actor=actor_of(request), now=now,
            )  # fmt: skip
            drafts.drop(request)
            return redirect("booking:done", pk=consultation.pk)
        slot = booking.free_slot(rules.filter(clinician=clinician), starts_at, patient=patient, now=now)
    except TooManyPlanned as refusal:
        drafts.keep(request, patient, form)
        messages.warning(request, str(refusal))
        return redirect("consultations:list")
    except NotBookable:
        drafts.keep(request, patient, form)
        return _gone(request)
    context = {"slot": slot, "clinician": clinician, "form": form, "zone": booking_pages.zone_hint(request.user)}
    return render(request, "booking/confirm.html", context)


def _gone(request: HttpRequest) -> HttpResponse:
    """SECURITY: whom they cannot book answers as whom there never was."""
    return redirect(f"{reverse('booking:times')}?{urlencode({'with': request.GET.get('with', ''), GONE: ''})}")


def _clinician(key: str) -> Clinician | None:
    try:
        return Clinician.objects.select_related("user").filter(pk=UUID(key)).first()
    except ValueError:
        return None


@require_safe
@login_required
def done(request: HttpRequest, pk: UUID) -> HttpResponse:
    consultation = _own(request, pk)
    if consultation.status not in pages.LIVE:  # somebody came back to this page after it was cancelled, or held
        return redirect("consultations:detail", pk=pk)
    context = {
        "consultation": consultation,
        "zone": booking_pages.zone_hint(request.user),
        "changeable_until": booking_pages.until_when(consultation),
        "can_change": booking.is_changeable(consultation, now=timezone.now()),
    }
    return render(request, "booking/done.html", context)


@require_http_methods(READ_AND_POST)
@login_required
def move(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The same consultation at another time: choose one, then say yes."""
    consultation, now = _own(request, pk), timezone.now()
    if not booking.is_changeable(consultation, now=now):
        return _too_late(request, consultation)
    patient = consultation.patient
    rules = policy.bookable_by(patient).filter(clinician=consultation.clinician)
    starts_at = booking_pages.moment(request.GET.get("at", ""))
    here = reverse("consultations:move", args=[pk])
    slot = None
    try:
        if starts_at is not None and starts_at != consultation.starts_at:
            slot = booking.free_slot(rules, starts_at, patient=patient, now=now)
        if request.method == "POST" and starts_at is not None:
            if slot is not None:
                booking.move(
                    consultation, starts_at=slot.starts_at, ends_at=slot.ends_at, by=patient.user, now=now
                )  # pressed twice, the second press finds it there already
            return redirect("booking:done", pk=pk)
    except NotBookable:
        return redirect(f"{here}?{GONE}")
    except NotChangeable:
        return _too_late(request, consultation)
    if slot is not None:
        context = {"consultation": consultation, "slot": slot, "zone": booking_pages.zone_hint(request.user)}
        return render(request, "booking/move_confirm.html", context)
    slots = booking_pages.times(patient, rules, now=now, ahead=settings.BOOKING_AHEAD)
    context = {
        "consultation": consultation,
        "days": booking_pages.days(slots, request.GET.get("page")),
        "link": f"{here}?",
        "zone": booking_pages.zone_hint(request.user),
        "weeks": settings.BOOKING_AHEAD.days // 7,
        "is_gone": GONE in request.GET,
    }
    return render(request, "booking/move.html", context)


@require_http_methods(READ_AND_POST)
@login_required
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    consultation, now = _own(request, pk), timezone.now()
    if consultation.status == Consultation.Status.CANCELLED:
        return redirect("consultations:detail", pk=pk)
    if not booking.is_changeable(consultation, now=now):
        return _too_late(request, consultation)
    form = WhyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            booking.cancel(
                consultation, by=consultation.patient.user, why=form.cleaned_data["why"],
                actor=actor_of(request), now=now,
            )  # fmt: skip
        except NotChangeable:
            return _too_late(request, consultation)
        messages.success(request, _("Your consultation is cancelled."))
        return redirect("consultations:detail", pk=pk)
    return render(request, "booking/cancel.html", {"consultation": consultation, "form": form})


@require_http_methods(READ_AND_POST)
@login_required
def needs(request: HttpRequest, pk: UUID) -> HttpResponse:
    """An interpreter, more time, somebody with them: asked for, changed and taken back until it begins."""
    consultation, now = _own(request, pk), timezone.now()
    if not booking.may_still_need(consultation, now=now):
        return _too_late(request, consultation)
    initial = {"adjustments": consultation.adjustments}
    form = NeedsForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            asked = form.cleaned_data["adjustments"]
            booking.change_needs(consultation, asked, by=consultation.patient.user, now=now)
        except NotChangeable:
            return _too_late(request, consultation)
        messages.success(request, _("Saved. Your clinician and the clinic can read it."))
        return redirect("consultations:detail", pk=pk)
    return render(request, "booking/needs.html", {"consultation": consultation, "form": form})


def _own(request: HttpRequest, pk: UUID) -> Consultation:
    with refusals.noted(request, "consultation", pk):
        return policy.get_ones_own_or_404(request.user, pk)


def _too_late(request: HttpRequest, consultation: Consultation) -> HttpResponse:
    text = _("It is too late to change this consultation here. Call the clinic, they can.")
    messages.warning(request, format_html("{} {}", text, render_to_string("_phone.html", request=request)))
    return redirect("consultations:detail", pk=consultation.pk)
