"""The staff page about what people agree to, where two administrators publish a new wording."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

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
from consultations import publishing, wording_uses, wordings
from consultations.publishing import CannotPublish
from telehealth.staff_pages import page

MOST_CHARACTERS = 4000


class WordingForm(forms.Form):
    """One text for each language of the portal; only its own has to be there."""

    since = forms.DateField(
        label=gettext_lazy("In use from"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Calls that go on at that moment keep the words they began with."),
    )
    why = forms.CharField(
        label=gettext_lazy("Why"),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=2000,
        help_text=gettext_lazy("What is new in it and who asked for it. Words for colleagues."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, name in settings.LANGUAGES:
            self.fields[f"text_{code}"] = forms.CharField(
                label=_("Text (%(language)s)") % {"language": name},
                widget=forms.Textarea(attrs={"rows": 7, "lang": code}),
                max_length=MOST_CHARACTERS,
                required=code == settings.LANGUAGE_CODE,
            )
        self.order_fields([f"text_{code}" for code, _name in settings.LANGUAGES])

    def texts(self) -> dict[str, str]:
        return {code: self.cleaned_data[f"text_{code}"] for code, _name in settings.LANGUAGES}


@require_http_methods(["GET", "HEAD", "POST"])
def wordings_page(request: HttpRequest) -> HttpResponse:
    """Every text that people were asked with, the newest first, and above them the proposal that stands."""
    form = WordingForm(
        request.POST if request.POST.get("act") == "propose" else None,
        initial={f"text_{one.language}": one.text for one in wordings.texts_at(timezone.now())},
    )
    if request.method == "POST":
        if not request.user.has_perm(publishing.RIGHT):
            raise PermissionDenied
        if form.is_valid() or not form.is_bound:
            return _act(request, form)
    title = _("What people agree to")
    return page(request, "consultations.view_consultation", "wordings", title, **_facts(form, request))


def _facts(form: WordingForm, request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    proposal = publishing.open_proposal(now=now)
    return {
        "form": form,
        "wordings": wording_uses.with_uses(),
        "current": wordings.wording_at(now).version,
        "now": now,
        "proposal": proposal,
        "proposed": [{"language": code, "text": text} for code, text in proposal.texts.items()] if proposal else [],
        "is_own": proposal is not None and proposal.proposed_by_id == request.user.pk,
        "lapses_at": proposal and proposal.proposed_at + publishing.LAPSES_AFTER,
    }


def _act(request: HttpRequest, form: WordingForm) -> HttpResponse:
    who: dict[str, Any] = {"by": request.user, "actor": actor_of(request), "now": timezone.now()}
    try:
        if form.is_bound:
            since = timezone.make_aware(datetime.combine(form.cleaned_data["since"], time.min))
            publishing.propose(form.texts(), since=since, why=form.cleaned_data["why"], **who)
            messages.success(request, _("Proposed. Another person has to confirm it within seven days."))
        elif request.POST.get("act") == "confirm":
            publishing.confirm(_proposal_id(request), **who)
            messages.success(request, _("Published."))
        else:
            publishing.withdraw(_proposal_id(request), **who)
            messages.success(request, _("The proposal is withdrawn."))
    except CannotPublish as refusal:
        messages.error(request, str(refusal))
    return redirect("admin:wordings")


def _proposal_id(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("proposal", ""))
    except ValueError as error:
        raise CannotPublish(_("There is no such proposal.")) from error
