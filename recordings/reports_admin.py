"""Staff see which accesses somebody did not recognise, as facts without content, and answer."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.codes import as_code
from audit.ledger import actor_of
from audit.models import Action, Entry
from recordings import unrecognised
from recordings.facts_only import FactsOnly
from recordings.models import AccessReport
from recordings.unrecognised import CannotAnswer, Outcome


class AnswerForm(forms.ModelForm):  # type: ignore[type-arg]
    """The service has the last word: what it refuses is said above the form."""

    outcome = forms.ChoiceField(label=_("What came of it"), choices=Outcome.choices, widget=forms.RadioSelect)
    note = forms.CharField(
        label=_("What was found and done"),
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=2000,
        help_text=_("The person who asked reads this. Plain words, no names of patients."),
    )
    by: User

    def clean(self) -> dict[str, Any]:
        facts = super().clean() or {}
        try:
            unrecognised.demand_distance(self.instance, self.by)
        except CannotAnswer as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return facts


@admin.register(AccessReport)
class AccessReportAdmin(FactsOnly):
    """What waits for an answer stands first. It is changed once: by the answer."""

    list_display = ("reported_at", "state", "reported_by_role", "happened", "happened_at", "account")
    list_filter = ("outcome", ("handled_at", admin.EmptyFieldListFilter))
    list_select_related = ("recording__patient", "handled_by")
    ordering = (F("handled_at").asc(nulls_first=True), "reported_at")
    # What it is about first, then who asks; the answer stands below.
    asked = ("happened", "happened_at", "account", "reported_at", "reported_by_role", "recording_pk", "line")
    answered = ("handled_at", "handled_by")
    readonly_fields = (*asked, *answered)
    fields = (*asked, "outcome", "note", *answered)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Leave out who answered and when until somebody has."""
        fields = super().get_fields(request, obj)
        return fields if obj and obj.handled_at else [name for name in fields if name not in self.answered]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any) -> Any:
        form = super().get_form(request, obj, change, form=AnswerForm, **more)
        return type("AnswerForm", (form,), {"by": request.user})

    def has_change_permission(self, request: HttpRequest, obj: AccessReport | None = None) -> bool:
        may = request.user.has_perm("recordings.change_accessreport")
        return may and (obj is None or obj.handled_at is None)

    def save_model(self, request: HttpRequest, obj: AccessReport, form: Any, change: bool) -> None:
        chosen = {"outcome": Outcome(form.cleaned_data["outcome"]), "note": form.cleaned_data["note"]}
        unrecognised.answer(obj.pk, **chosen, by=form.by, actor=actor_of(request), now=timezone.now())

    @admin.display(description=_("state"))
    def state(self, report: AccessReport) -> str:
        return str(report.get_outcome_display()) if report.handled_at else str(_("waits for an answer"))

    @admin.display(description=_("reported by"))
    def reported_by_role(self, report: AccessReport) -> str:
        is_patient = report.reported_by_id == report.recording.patient.user_id
        return str(_("the patient")) if is_patient else str(_("the clinician"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessReport]:
        # The ledger has numbers and no keys to follow: what its line says comes with the row, not for each row.
        lines = Entry.objects.filter(seq=OuterRef("line"))
        person = User.objects.filter(pk=OuterRef("actor"))
        return super().get_queryset(request).annotate(
            line_action=Subquery(lines.values("action")),
            line_reason=Subquery(lines.values("reason")),
            line_at=Subquery(lines.values("at")),
            line_account=Subquery(lines.values(email=Subquery(person.values("email")))),
        )  # fmt: skip

    @admin.display(description=_("what"))
    def happened(self, report: Any) -> str:
        return format_html("{} {}", Action(report.line_action).label, as_code(report.line_reason))

    @admin.display(description=_("when"))
    def happened_at(self, report: Any) -> str:
        return date_format(timezone.localtime(report.line_at), "DATETIME_FORMAT")

    @admin.display(description=_("whose account"))
    def account(self, report: Any) -> str:
        return report.line_account or "–"
