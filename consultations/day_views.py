"""What a clinician does from their day: admit, send word, say who did not come. And what the patient hears of it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit import refusals
from consultations import attendance, calls, clinic_messages, day_pages, lateness, policy
from consultations.booking import NotBookable, NotChangeable
from consultations.calls import Refused
from consultations.message_forms import MessageForm, ReadForm
from consultations.models import Consultation
from consultations.services import is_expected


@require_safe
@login_required
def wait(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the clinic says to who waits; asks again by itself."""
    with refusals.noted(request, "consultation", pk):
        consultation = policy.get_visible_or_404(request.user, pk)
    return _wait(request, consultation)


def _wait(request: HttpRequest, consultation: Consultation) -> HttpResponse:
    context = {"wait": day_pages.wait(request.user, consultation, now=timezone.now())}
    return render(request, "consultations/_wait.html", context)


@require_POST
@login_required
def read(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The patient says that they have read what the clinic sent so far."""
    with refusals.noted(request, "consultation", pk):
        consultation = policy.get_ones_own_or_404(request.user, pk)
    form = ReadForm(request.POST)
    if form.is_valid():
        clinic_messages.mark_read(consultation, upto=form.cleaned_data["upto"], now=timezone.now())
    is_part = request.headers.get("HX-Request") == "true"
    return _wait(request, consultation) if is_part else redirect("consultations:detail", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def message(request: HttpRequest, pk: UUID) -> HttpResponse:
    consultation, now = _held(request, pk), timezone.now()
    if not is_expected(consultation, now=now):
        messages.warning(request, _("The patient is not expected any more, so there is nobody to send a message to."))
        return redirect(_row(pk))
    late = lateness.minutes_late([consultation.clinician_id], now=now).get(pk, 0)
    form = MessageForm(request.POST if request.method == "POST" else None, initial={"text": _words(late)})
    if form.is_valid():
        try:
            clinic_messages.send(consultation, form.cleaned_data["text"], by=consultation.clinician.user, now=now)
            messages.success(request, _("Sent."))
        except NotChangeable as refusal:
            messages.warning(request, str(refusal))
        return redirect(_row(pk))
    sent = clinic_messages.sent_to(consultation)
    context = {"consultation": consultation, "form": form, "sent": sent, "back": _row(pk)}
    return render(request, "consultations/message.html", context)


def _words(minutes_late: int) -> str:
    return _("I am running about %(n)d minutes late.") % {"n": minutes_late} if minutes_late else ""


@require_POST
@login_required
def admit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let the patient in and lead to the call, where the clinician joins them."""
    consultation, now = _held(request, pk), timezone.now()
    with refusals.noted(request, "consultation", pk):
        policy.get_place_or_404(request.user, pk)
    found = day_pages.waiting_place(consultation.pk)
    try:
        if found is None:
            raise Refused("no_peer", "")
        calls.admit(found[0].pk, participant_id=str(found[1].pk), now=now)
    except Refused:
        messages.warning(request, _("Nobody is in the waiting room at the moment."))
        return redirect(_row(pk))
    return redirect("consultations:call", pk=pk)


@require_POST
@login_required
def missed(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _attend(request, pk, attendance.mark_missed)


@require_POST
@login_required
def expected(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _attend(request, pk, attendance.expect_again)


def _attend(request: HttpRequest, pk: UUID, step: Any) -> HttpResponse:
    consultation = _held(request, pk)
    try:
        step(consultation, by=consultation.clinician.user, now=timezone.now())
    except (NotChangeable, NotBookable) as refusal:
        messages.warning(request, str(refusal))
    return redirect(_row(pk))


def _held(request: HttpRequest, pk: UUID) -> Consultation:
    with refusals.noted(request, "consultation", pk):
        return policy.get_held_or_404(request.user, pk)


def _row(pk: UUID) -> str:
    return f"{reverse('clinic:index')}#day-{pk}"
