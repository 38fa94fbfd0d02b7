"""Staff see which recordings patients ask to delete, as facts without content; administrators answer."""

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from audit.ledger import actor_of
from audit.models import Action
from recordings import deciders, deletion
from recordings.deletion import Answer, CannotDelete
from recordings.facts_only import FactsOnly
from recordings.guard import only_facts
from recordings.models import DeletionRequest

STATES = {
    (Answer.REFUSED, False): _("refused"),
    (Answer.ACCEPTED, False): _("waits for another person"),
    (Answer.ACCEPTED, True): _("deleted"),
}


class AnswerForm(forms.Form):
    what = forms.ChoiceField(
        label=_("Answer"),
        widget=forms.RadioSelect,
        choices=[
            (Answer.REFUSED.value, _("It must be kept")),
            (Answer.ACCEPTED.value, _("Delete it: another person confirms, then it is gone for good")),
        ],
    )
    kept_until = forms.DateField(
        label=_("Kept until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Only if it must be kept. From that day on the patient may ask again with another answer."),
    )
    why = forms.CharField(
        label=_("Why"),
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=2000,
        help_text=_("The patient reads this. Plain words: which rule, and what they can do."),
    )

    def clean(self) -> dict[str, Any]:
        facts: dict[str, Any] = super().clean() or {}
        if facts.get("what") == Answer.REFUSED and not facts.get("kept_until") and "kept_until" not in self.errors:
            self.add_error("kept_until", _("Say until which day it must be kept."))
        return facts


@admin.register(DeletionRequest)
class DeletionRequestAdmin(FactsOnly):
    """What waits for an answer stands first."""

    list_display = ("asked_at", "state", "started_at", "kept_until", "answered_by", "confirmed_by")
    list_filter = ("answer",)
    list_select_related = ("recording", "answered_by", "confirmed_by")
    ordering = (F("answered_at").asc(nulls_first=True), "asked_at")
    fields = readonly_fields = (
        "asked_at", "state", "recording_pk", "started_at", "status", "retain_until", "legal_hold", "kept_until", "why",
        "answered_by", "answered_at", "confirmed_by", "confirmed_at", "withdrawn_at", "emptied_at",
    )  # fmt: skip
    change_form_template = "admin/recordings/deletionrequest/change_form.html"

    @admin.display(description=_("state"))
    def state(self, request: DeletionRequest) -> str:
        if request.withdrawn_at:
            return str(_("withdrawn by the patient"))
        answered = STATES.get((Answer(request.answer), request.confirmed_at is not None)) if request.answer else None
        return str(answered or _("waits for an answer"))

    @admin.display(description=_("consultation"))
    def started_at(self, request: DeletionRequest) -> str:
        return date_format(timezone.localtime(request.recording.started_at), "j M Y, H:i")

    @admin.display(description=_("recording is"))
    def status(self, request: DeletionRequest) -> str:
        return str(request.recording.get_status_display())

    @admin.display(description=_("kept by rule until"))
    def retain_until(self, request: DeletionRequest) -> str:
        until = request.recording.retain_until
        return date_format(timezone.localtime(until), "j M Y") if until else str(_("no day yet"))

    @admin.display(description=_("legal hold"), boolean=True)
    def legal_hold(self, request: DeletionRequest) -> bool:
        return request.recording.legal_hold

    def get_urls(self) -> list[URLPattern]:
        answer = self.admin_site.admin_view(self.answer)
        return [path("<uuid:pk>/answer/", answer, name="answer_deletion"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": _("Requests to delete")} | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may = {"may_decide": request.user.has_perm(deciders.RIGHT)}
        return super().change_view(request, object_id, form_url, may | (extra_context or {}))

    def answer(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """One request: refuse it, propose to delete, take that back, or confirm it."""
        if not request.user.has_perm(deciders.RIGHT):
            return self.admin_site.login(request)
        asked = get_object_or_404(DeletionRequest.objects.select_related("recording", "answered_by"), pk=pk)
        keeps = asked.recording.retain_until
        form = AnswerForm(
            request.POST if _asks(request, "answer") else None,
            initial={"kept_until": timezone.localdate(keeps) if keeps else None},
        )
        if form.is_valid() or _asks(request, "take_back") or _asks(request, "confirm"):
            return self._act(request, asked, form)
        self.note(request, Action.OPENED, asked)
        facts = {name: getattr(self, name)(asked) for name in ("started_at", "status", "retain_until", "legal_hold")}
        only_facts(facts)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Request to delete a recording"),
            "opts": self.opts,
            "asked": asked,
            "facts": facts,
            "state": self.state(asked),
            "is_own": asked.answered_by_id == request.user.pk,
            "form": form,
        }
        return TemplateResponse(request, "admin/recordings/deletionrequest/answer.html", context)

    def _act(self, request: HttpRequest, asked: DeletionRequest, form: AnswerForm) -> HttpResponse:
        who: dict[str, Any] = {"by": request.user, "actor": actor_of(request), "now": timezone.now()}
        try:
            if _asks(request, "answer"):
                messages.success(request, _answer(asked, form.cleaned_data, who))
            elif _asks(request, "take_back"):
                deletion.take_back(asked.pk, **who)
                messages.success(request, _("The proposal is taken back."))
            else:
                deletion.confirm(asked.pk, **who)
                messages.success(request, _("Confirmed. It is deleted now."))
        except CannotDelete as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:recordings_deletionrequest_change", asked.pk)


def _answer(asked: DeletionRequest, said: dict[str, Any], who: dict[str, Any]) -> Any:
    if said["what"] == Answer.ACCEPTED:
        deletion.accept(asked.pk, why=said["why"], **who)
        return _("Proposed. Another person has to confirm it.")
    kept_until: date = said["kept_until"]
    deletion.refuse(asked.pk, why=said["why"], kept_until=kept_until, **who)
    return _("Answered. The patient can read it.")


def _asks(request: HttpRequest, act: str) -> bool:
    return request.method == "POST" and request.POST.get("act") == act
