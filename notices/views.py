"""The page on which somebody chooses what they are written to about, and when."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.roles import role_of
from notices import preferences
from notices.models import Kind

# Each goes on from "We write to you".
WHEN: dict[Kind, Promise] = {
    Kind.BOOKED: gettext_lazy("when a consultation is booked for you"),
    Kind.MOVED: gettext_lazy("when a consultation of yours is moved to another time"),
    Kind.CANCELLED: gettext_lazy("when a consultation of yours is cancelled"),
    Kind.TAKEN: gettext_lazy("When a patient books a time with me"),
    Kind.OFFERED: gettext_lazy("when a time becomes free that you are waiting for"),
    Kind.DAY_BEFORE: gettext_lazy("The day before a consultation"),
    Kind.HOUR_BEFORE: gettext_lazy("An hour before a consultation"),
    Kind.WAITING: gettext_lazy("When my clinician is waiting for me in the call"),
    Kind.REPLAY_READY: gettext_lazy("When the replay of a consultation is ready"),
    Kind.NEW_VIEWER: gettext_lazy("When somebody opens one of my replays for the first time"),
    Kind.NOTE_SHARED: gettext_lazy("When my clinician shares a note with me"),
    Kind.TOLD: gettext_lazy("when the clinic sends you a message before a consultation"),
    Kind.MISSED: gettext_lazy("when you were not there for a consultation"),
    Kind.EXPECTED: gettext_lazy("when such a consultation can take place after all"),
    Kind.DELETE_ASKED: gettext_lazy("when a patient asks to delete a recording and you answer such requests"),
    Kind.DELETE_ANSWERED: gettext_lazy("when your request to delete a recording is answered"),
    Kind.KEPT_SHORTER: gettext_lazy("when your recordings will be kept for less time than you were told"),
    Kind.REPORT_ANSWERED: gettext_lazy("when we have looked at an access that you did not recognise"),
    Kind.SHARED: gettext_lazy("when somebody shares a recording with you"),
    Kind.PROPOSED: gettext_lazy("when your clinician asks you whether a recording may be shared"),
}


class ChoicesForm(forms.Form):
    wanted = forms.MultipleChoiceField(
        label=gettext_lazy("Write to me"), required=False, widget=forms.CheckboxSelectMultiple
    )
    quiet_from = forms.TimeField(
        label=gettext_lazy("From"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    quiet_until = forms.TimeField(
        label=gettext_lazy("Until"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )

    def __init__(self, *args: Any, role: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        optional = preferences.optional_of(role)
        self.fields["wanted"].choices = [(kind.value, WHEN[kind]) for kind in optional]  # type: ignore[attr-defined]
        if not optional:
            del self.fields["wanted"]

    def clean(self) -> dict[str, Any]:
        facts = super().clean() or {}
        from_, until = facts.get("quiet_from"), facts.get("quiet_until")
        if (from_ is None) != (until is None) and not self.errors:
            raise forms.ValidationError(_("Say when the quiet hours begin and when they end, or leave both empty."))
        if from_ is not None and from_ == until:
            raise forms.ValidationError(_("The quiet hours begin and end at the same time. Change one of them."))
        return facts


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def choices(request: HttpRequest) -> HttpResponse:
    user, role = request.user, role_of(request.user)
    assert isinstance(user, User)
    form = ChoicesForm(request.POST or None, role=role, initial=_standing(user, role))
    if request.method == "POST" and form.is_valid():
        preferences.choose(user, role=role, **({"wanted": []} | form.cleaned_data))
        messages.success(request, _("What we write to you about is saved."))
        return redirect("account_notices")
    fixed = [WHEN[kind] for kind in preferences.fixed_of(role)]
    return render(request, "account/notices.html", {"form": form, "fixed": fixed})


def _standing(user: User, role: str) -> dict[str, Any]:
    muted, (quiet_from, quiet_until) = preferences.muted_by(user), preferences.quiet_hours_of(user)
    wanted = [kind.value for kind in preferences.optional_of(role) if kind not in muted]
    return {"wanted": wanted, "quiet_from": quiet_from, "quiet_until": quiet_until}
