"""Where a clinician books the next appointment: beside the call, and as a page of its own without scripts."""

from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from audit import refusals
from audit.ledger import actor_of
from consultations import next_appointment, policy
from consultations.booking import NotBookable, TooManyPlanned
from consultations.booking_pages import moment, said
from consultations.models import Consultation
from consultations.slots import Slot

WEEKS = {
    0: gettext_lazy("Soon"),
    1: gettext_lazy("In a week"),
    2: gettext_lazy("In two weeks"),
    4: gettext_lazy("In four weeks"),
}


class NextForm(forms.Form):
    at = forms.ChoiceField(
        label=gettext_lazy("When"),
        error_messages={
            "required": gettext_lazy("Choose a time."),
            "invalid_choice": gettext_lazy("This time has just been taken. Choose another one."),
        },
    )
    reason = forms.CharField(label=gettext_lazy("What for"), max_length=200)

    def __init__(self, *args: Any, slots: list[Slot], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        by_day = groupby(slots, key=lambda slot: timezone.localdate(slot.starts_at))
        self.fields["at"].choices = [  # type: ignore[attr-defined]
            (date_format(day, "l j F"), [(said(slot.starts_at), _time(slot.starts_at)) for slot in own])
            for day, own in by_day
        ]


def _time(starts_at: datetime) -> str:
    """Say the day, too: of a closed list only this is seen."""
    return date_format(timezone.localtime(starts_at), "D j M, H:i")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def next_one(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The form, whole or as the part that stands beside the call."""
    with refusals.noted(request, "consultation", pk):
        before = policy.get_continued_or_404(request.user, pk)
    now, weeks = timezone.now(), _weeks(request)
    slots = next_appointment.times(before, weeks=weeks, now=now)
    form = NextForm(request.POST if request.method == "POST" else None, slots=slots, initial={"reason": before.reason})
    made = _book(request, before, form, now) if form.is_valid() else None
    is_part = request.headers.get("HX-Request") == "true"
    if made and not is_part:
        messages.success(request, _("Booked: %(when)s.") % {"when": _spoken(made)})
        return redirect("consultations:detail", pk=pk)
    context = {
        "consultation": before,
        "form": NextForm(slots=[], initial={}) if made else form,
        "made": made,
        "has_times": bool(slots),
        "weeks": weeks,
        "choices": WEEKS.items(),
        "follow_ups": next_appointment.booked_from(before, request.user),
    }
    return render(request, f"consultations/{'_next_form' if is_part else 'next'}.html", context)


def _book(request: HttpRequest, before: Consultation, form: NextForm, now: datetime) -> Consultation | None:
    starts_at = moment(form.cleaned_data["at"])
    try:
        if starts_at is None:
            raise NotBookable(_("This time is no longer free."))
        return next_appointment.book(
            before, starts_at=starts_at, reason=form.cleaned_data["reason"], actor=actor_of(request), now=now
        )
    except TooManyPlanned:
        form.add_error(None, _("This patient has as many consultations planned as one may have."))
    except NotBookable as refusal:
        form.add_error("at", str(refusal))
    return None


def _weeks(request: HttpRequest) -> int:
    asked = request.GET.get("weeks", "")
    return int(asked) if asked in {str(weeks) for weeks in WEEKS} else 0


def _spoken(consultation: Consultation) -> str:
    return date_format(timezone.localtime(consultation.starts_at), "l j F, H:i")
