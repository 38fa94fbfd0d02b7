"""Staff see what is held back, as facts without content, and decide about it with four eyes."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.ledger import actor_of
from audit.models import Action
from recordings import held_back, quarantine
from recordings.facts_only import OfARecording
from recordings.guard import only_facts
from recordings.misfits import misfit
from recordings.models import QuarantineDecision, Recording
from recordings.quarantine import CannotDecide, What


class ProposalForm(forms.Form):
    what = forms.ChoiceField(label=_("What should happen"), widget=forms.RadioSelect)
    why = forms.CharField(
        label=_("Why"),
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=2000,
        help_text=_("What you asked, whom, and what was found. Words for colleagues; no names of patients."),
    )

    def __init__(self, *args: Any, may_be_released: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        release = (What.RELEASE.value, _("Release it: prepare the replay, and let both people watch it"))
        discard = (What.DISCARD.value, _("Discard it: remove everything that was recorded, for good"))
        self.fields["what"].choices = [release, discard] if may_be_released else [discard]  # type: ignore[attr-defined]


@admin.register(QuarantineDecision)
class QuarantineAdmin(OfARecording):
    """The queue stands above the decisions made so far."""

    list_display = ("proposed_at", "what", "state", "held_for", "recording_pk", "proposed_by", "confirmed_by")
    list_filter = ("what",)
    list_select_related = ("proposed_by", "confirmed_by")
    ordering = ("-proposed_at",)
    fields = readonly_fields = (
        "recording_pk",
        "what",
        "held_for",
        "why",
        "proposed_by",
        "proposed_at",
        "confirmed_by",
        "confirmed_at",
        "withdrawn_at",
        "emptied_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[QuarantineDecision]:
        return super().get_queryset(request).select_related("recording")

    @admin.display(description=_("reason"))
    def held_for(self, decision: QuarantineDecision) -> str:
        return str(misfit(decision.misfit).says)

    @admin.display(description=_("state"))
    def state(self, decision: QuarantineDecision) -> str:
        return held_back.state_of(decision, now=timezone.now())

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(self.decide)
        return [path("recording/<uuid:recording_id>/", decide, name="quarantine_decide"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        waiting = held_back.queue(now=timezone.now()) if self.has_view_permission(request) else []
        own = {"title": _("Quarantine"), "queue": [self._shown(row) for row in waiting]}
        return super().changelist_view(request, own | (extra_context or {}))

    @staticmethod
    def _shown(row: held_back.Row) -> held_back.Row:
        """SECURITY: what is not a fact about a recording is refused when the page is built, whoever added it."""
        only_facts(row.facts)
        return row

    def decide(self, request: HttpRequest, recording_id: UUID) -> HttpResponse:
        """One held-back recording: what is known of it, the proposal that stands, and what one may do about it."""
        if not self.has_view_permission(request):
            return self.admin_site.login(request)
        recording = get_object_or_404(Recording, pk=recording_id, status=Recording.Status.QUARANTINED)
        may_be_released = misfit(recording.reason).may_be_released
        form = ProposalForm(request.POST if _asks(request, "propose") else None, may_be_released=may_be_released)
        if request.method == "POST" and (not form.is_bound or form.is_valid()):
            return self._act(request, recording, form)
        self.note(request, Action.OPENED, recording)
        now = timezone.now()
        proposal = quarantine.open_decision(recording, now=now)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Held-back recording"),
            "opts": self.opts,
            "row": self._shown(held_back.row_of(recording, now=now)),
            "proposal": proposal,
            "is_own": proposal is not None and proposal.proposed_by_id == request.user.pk,
            "lapses_at": proposal and proposal.proposed_at + quarantine.LAPSES_AFTER,
            "may_decide": request.user.has_perm(quarantine.RIGHT),
            "may_be_released": may_be_released,
            "form": form,
        }
        return TemplateResponse(request, "admin/recordings/quarantinedecision/decide.html", context)

    def _act(self, request: HttpRequest, recording: Recording, form: ProposalForm) -> HttpResponse:
        who: dict[str, Any] = {"by": request.user, "actor": actor_of(request), "now": timezone.now()}
        here = redirect(request.path)
        try:
            if _asks(request, "propose"):
                chosen = {"what": What(form.cleaned_data["what"]), "why": form.cleaned_data["why"]}
                quarantine.propose(recording.pk, **chosen, **who)
                messages.success(request, _("Proposed. Another person has to confirm it within seven days."))
            elif _asks(request, "withdraw"):
                quarantine.withdraw(_decision_id(request), **who)
                messages.success(request, _("The proposal is withdrawn."))
            elif _asks(request, "confirm"):
                quarantine.confirm(_decision_id(request), **who)
                messages.success(request, _("Confirmed. It is being done now."))
                here = redirect(reverse("admin:recordings_quarantinedecision_changelist"))
        except CannotDecide as refusal:
            messages.error(request, str(refusal))
        return here


def _asks(request: HttpRequest, act: str) -> bool:
    return request.method == "POST" and request.POST.get("act") == act


def _decision_id(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("decision", ""))
    except ValueError as error:
        raise CannotDecide(_("There is no such proposal.")) from error
