"""The staff page about what is kept how long and why, where administrators set the period for recordings."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from audit.ledger import actor_of
from recordings import expiry, retention
from recordings.retention import CannotSet, Consequences
from telehealth.staff_pages import page

MOST_SHOWN = 10


class PeriodForm(forms.Form):
    days = forms.IntegerField(
        label=gettext_lazy("Days from the consultation"), min_value=1, max_value=retention.MOST_DAYS
    )
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=2000,
        help_text=gettext_lazy("Which law or decision, and where it is written. Words for colleagues."),
    )
    # How many recordings the administrator was told would end sooner; other figures are shown once more.
    shortened = forms.IntegerField(required=False, widget=forms.HiddenInput)


@require_http_methods(["GET", "HEAD", "POST"])
def retention_page(request: HttpRequest) -> HttpResponse:
    """A period is asked for, its consequences are shown, and only then it is set."""
    form, what = PeriodForm(request.POST if request.method == "POST" else None), None
    if request.method == "POST":
        if not request.user.has_perm(retention.RIGHT):
            raise PermissionDenied
        if form.is_valid():
            try:
                what = retention.consequences(form.cleaned_data["days"], now=timezone.now())
                if request.POST.get("act") == "set" and form.cleaned_data["shortened"] == what.shortened:
                    return _set(request, form.cleaned_data)
            except CannotSet as refusal:
                form.add_error(None, str(refusal))
    title = _("What is kept how long")
    return page(request, "recordings.view_recording", "retention", title, form=form, **_facts(what))


def _set(request: HttpRequest, said: dict[str, Any]) -> HttpResponse:
    """Errors: CannotSet."""
    who: dict[str, Any] = {"by": request.user, "actor": actor_of(request), "now": timezone.now()}
    retention.set_period(said["days"], reason=said["reason"], **who)
    messages.success(request, _("The period is set."))
    return redirect("admin:retention")


def _facts(what: Consequences | None) -> dict[str, Any]:
    now = timezone.now()
    return {
        "what": what,
        "told": retention.told(now),
        "counts": expiry.counts(now),
        "soon_days": expiry.SOON.days,
        "periods": retention.periods()[:MOST_SHOWN],
        "least_days": settings.RETENTION_LEAST_DAYS,
        "grace_days": retention.GRACE.days,
        "session_hours": settings.SESSION_COOKIE_AGE // 3600,
        "invitation_days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
        "notice_days": settings.NOTICE_RETENTION_DAYS,
    }
