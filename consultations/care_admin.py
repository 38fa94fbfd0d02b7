"""Staff see who cares for whom. Administrators end it, saying why, once nothing of the two is planned."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.noted import NotedAdmin
from audit.ledger import actor_of
from consultations import care
from consultations.care import StillPlanned, Why
from patients.admin import ClinicianFilter, NeverDeleted
from patients.models import CareRelationship


class EndForm(forms.ModelForm):  # type: ignore[type-arg]
    end = forms.BooleanField(
        label=_("End this care"),
        help_text=_(
            "The clinician finds this patient no more and sees nothing new of them. What the two talked about, and its"
            " replays, stay theirs."
        ),
    )
    why_ended = forms.ChoiceField(
        label=_("Why it ends"), choices=[("", "–"), *Why.choices], help_text=_("It stands in the ledger.")
    )

    def clean(self) -> dict[str, Any]:
        facts = super().clean() or {}
        try:
            care.demand_nothing_planned(self.instance, now=timezone.now())  # in the transaction that ends it
        except StillPlanned as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return facts


@admin.register(CareRelationship)
class CareRelationshipAdmin(NotedAdmin, NeverDeleted):
    """What goes on stands first."""

    list_display = ("patient_name", "clinician", "since", "until")
    list_filter = (("until", admin.EmptyFieldListFilter), ("clinician", ClinicianFilter))
    list_select_related = ("patient", "clinician__user")
    search_fields = ("patient__name", "clinician__user__name")
    ordering = (F("until").desc(nulls_first=True), "-since")
    fields = ("patient_name", "clinician", "reason", "since", "until")

    def patient_of(self, obj: CareRelationship) -> UUID:
        return obj.patient_id

    def get_fields(self, request: HttpRequest, obj: CareRelationship | None = None) -> list[Any]:
        return [*self.fields, "end", "why_ended"] if self.has_change_permission(request, obj) else [*self.fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any) -> Any:
        return super().get_form(request, obj, change, form=EndForm, **more)

    @admin.display(description=_("patient"), ordering="patient__name")
    def patient_name(self, relationship: CareRelationship) -> str:
        return relationship.patient.name

    @admin.display(description=_("why"))
    def reason(self, relationship: CareRelationship) -> str:
        # Mostly the portal's own word: "consultation".
        return gettext(relationship.why) if relationship.why else ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # begin_care writes the grant with it

    def has_change_permission(self, request: HttpRequest, obj: CareRelationship | None = None) -> bool:
        return request.user.has_perm("patients.change_carerelationship") and (obj is None or obj.until is None)

    def save_model(self, request: HttpRequest, obj: CareRelationship, form: Any, change: bool) -> None:
        care.end(obj, why=Why(form.cleaned_data["why_ended"]), actor=actor_of(request), now=timezone.now())
