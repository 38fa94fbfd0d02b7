"""Pages about consultations, for the patient and the clinician of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.roles import LANDING, role_of
from audit import refusals
from consultations import booking, booking_pages, consent_pages, day_pages, next_appointment, note_pages, pages, policy
from consultations.models import ConsentWording, Consultation, Participant
from consultations.services import is_expected, may_be_joined
from consultations.wordings import asked_with


@require_safe
@login_required
def consultation_list(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    page = pages.past(request.user, request.GET.get("page"), now)
    past = [pages.row(request.user, consultation, now) for consultation in page]
    waiting = booking_pages.waiting(request.user, now)
    context = {"upcoming": pages.upcoming(request.user, now), "past": past, "page_obj": page, "waiting": waiting}
    return render(request, "consultations/list.html", context)


@require_safe
@login_required
def consultation_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    with refusals.noted(request, "consultation", pk):
        consultation = policy.get_visible_or_404(request.user, pk)
    now = timezone.now()
    context = {
        "consultation": consultation,
        "other_name": pages.other_name(request.user, consultation),
        "state_text": pages.state_text(consultation, now),
        "can_join": may_be_joined(consultation, now=now),
        "is_its_patient": consultation.patient.user_id == request.user.pk,
        "can_change": booking.is_changeable(consultation, now=now),
        "changeable_until": booking_pages.until_when(consultation),
        "history": booking_pages.history(request.user, consultation),
        **_note(request, consultation, now),
        "wait": day_pages.wait(request.user, consultation, now=now),
        **_follow_up(request, consultation),
        "can_say_needs": booking.may_still_need(consultation, now=now),
        "is_expected": is_expected(consultation, now=now),
        "answer": consent_pages.answer_of(request.user, consultation, now=now),
        "has_begun": consultation.calls.filter(started_at__isnull=False).exists(),
    }
    return render(request, "consultations/detail.html", context)


def _follow_up(request: HttpRequest, consultation: Consultation) -> dict[str, Any]:
    """Shape: what `consultations/_follow_up.html` takes; the next one can be booked once this one has begun."""
    is_over = consultation.status in (Consultation.Status.COMPLETED, Consultation.Status.NO_SHOW)
    has_begun = is_over or consultation.status == Consultation.Status.IN_PROGRESS
    can_book_next = has_begun and policy.continued_by(request.user).filter(pk=consultation.pk).exists()
    return {
        "follow_ups": next_appointment.booked_from(consultation, request.user),
        "can_book_next": can_book_next,
        "can_book_again": is_over and consultation.patient.user_id == request.user.pk,
    }


def _note(request: HttpRequest, consultation: Consultation, now: datetime) -> dict[str, Any]:
    """What the page says about the note: its words to the patient, to the clinician how far it is."""
    if pages.is_clinician_of(request.user, consultation):
        return {"note_text": note_pages.state_texts([consultation])[consultation.pk]}
    return note_pages.received(request, consultation, now=now)


@require_safe
@login_required
def call(request: HttpRequest, pk: UUID) -> HttpResponse:
    with refusals.noted(request, "consultation", pk):
        place = policy.get_place_or_404(request.user, pk)
    if not may_be_joined(place.consultation, now=timezone.now()):
        return redirect("consultations:detail", pk=pk)
    me, other = pages.people_of(place)
    wording = asked_with(place.consultation_id, now=timezone.now())
    context = {
        "consultation": place.consultation,
        "config": _config(request, place, me, other, wording),
        "me": me,
        "other": other,
        "wording": wording,
        "wait": day_pages.wait(request.user, place.consultation, now=timezone.now()),
    }
    return render(request, "consultations/call.html", context)


@require_safe
@login_required
def check(request: HttpRequest) -> HttpResponse:
    """Try microphone, camera and sound without joining anything: the page sends nothing."""
    return render(request, "consultations/check.html", {"config": {"camera": settings.CALL_CAMERA}})


def _config(
    request: HttpRequest, place: Participant, me: dict[str, str], other: dict[str, str], wording: ConsentWording
) -> dict[str, Any]:
    """Shape: the bootstrap of static/js/call/main.js."""
    return {
        "consultation": str(place.consultation_id),
        "socket": f"/ws/consultations/{place.consultation_id}/",
        "role": place.role,
        "me": me,
        "other": other,
        "title": place.consultation.reason,
        "starts_at": place.consultation.starts_at.isoformat(),
        "consent": {"version": wording.version, "sha256": wording.sha256, "text": wording.text},
        "camera": settings.CALL_CAMERA,
        "urls": {
            "after": reverse("consultations:detail", args=[place.consultation_id]),
            "home": reverse(LANDING[role_of(request.user)]),
            "segments": "/api/v1/segments/",
            "ticker": static("js/record/ticker.worker.js"),
        },
        "csrf": get_token(request),
        "user": str(request.user.pk),
    }
