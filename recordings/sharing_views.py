"""The page where a patient shares a replay, answers their clinician's proposals and ends shares."""

from datetime import date, datetime, time, timedelta
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from audit import refusals
from audit.ledger import actor_of
from recordings import pages, playback, sharing
from recordings.guard import Shown
from recordings.sharing import LONGEST, CannotShare, Wish

A_WEEK = timedelta(days=7)
SHARED = _("Shared. They get an email with the way in.")


class ShareForm(forms.Form):
    name = forms.CharField(label=_("Their name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    email = forms.EmailField(
        label=_("Their email address"),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=_("They get an email with the way in. Check the address twice."),
    )
    reason = forms.CharField(
        label=_("What for"), max_length=200, help_text=_("For example: to hear what another doctor thinks.")
    )
    until = forms.DateField(
        label=_("Until the end of"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("After that day they cannot watch it any more. You can end it sooner."),
    )

    def clean_until(self) -> datetime:
        """Return the last minute of that day in the person's own zone."""
        day: date = self.cleaned_data["until"]
        today = timezone.localdate()
        if not today <= day <= today + LONGEST:
            raise forms.ValidationError(_("Choose a day within the next %(days)d days."), params={"days": LONGEST.days})
        return datetime.combine(day, time(23, 59), tzinfo=timezone.get_current_timezone())

    def wish(self) -> Wish:
        facts = self.cleaned_data
        return Wish(facts["name"], facts["email"], facts["reason"], facts["until"])


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def share_recording(request: HttpRequest, pk: UUID) -> HttpResponse:
    shown = playback.held_or_404(request.user, pk, actor=actor_of(request), now=timezone.now())
    form = ShareForm(request.POST or None, initial={"until": timezone.localdate() + A_WEEK})
    if request.method == "POST" and form.is_valid() and _share(request, shown, form):
        return redirect(request.path)
    context = {
        "recording": pages.row(shown),
        "is_patient": sharing.is_its_patient(shown),
        "shares": pages.shares(shown, sharing.standing_of(shown)),
        "form": form,
    }
    return render(request, "recordings/sharing.html", context)


def _share(request: HttpRequest, shown: Shown, form: ShareForm) -> bool:
    """Share or propose. SECURITY: not a word about whether the address was known."""
    try:
        made = sharing.share(shown, form.wish(), actor=actor_of(request), now=timezone.now())
    except CannotShare as refusal:
        form.add_error(None, str(refusal))
        return False
    if made.agreed_by_patient_at:
        messages.success(request, SHARED)
    else:
        messages.success(request, _("Proposed. Your patient decides; until then nobody else can watch it."))
    return True


@require_POST
@login_required
def agree(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The patient agrees to a proposal."""
    with refusals.noted(request, "share", pk):
        try:
            share = sharing.agree(pk, by=request.user, actor=actor_of(request), now=timezone.now())
        except CannotShare as refusal:
            messages.error(request, str(refusal))
            return redirect("recordings:list")
    messages.success(request, SHARED)
    return redirect("recordings:sharing", pk=share.recording_id)


@require_POST
@login_required
def withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Whoever may ends a share; it opens nothing from this moment on."""
    with refusals.noted(request, "share", pk):
        share = sharing.withdraw(pk, by=request.user, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("Ended. They cannot watch it any more."))
    return redirect("recordings:sharing", pk=share.recording_id)
