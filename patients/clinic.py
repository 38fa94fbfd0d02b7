"""A clinician's own patients in the clinician admin site: found by name, date of birth or NHS number."""

import re
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.clinic import OwnRowsAdmin
from accounts.sites import clinic_site
from audit import ledger, refusals
from audit.models import Action
from patients import policy
from patients.models import Patient
from patients.nhs_number import spaced

DATES = ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y-%m-%d", "%d %B %Y", "%d %b %Y")


def as_date(term: str) -> date | None:
    """Read a date as people write it, the day first; None where it is none."""
    try:
        return forms.DateField(input_formats=DATES).clean(term)
    except ValidationError:
        return None


def as_nhs_number(term: str) -> str | None:
    digits = re.sub(r"[\s-]", "", term)
    return digits if re.fullmatch(r"[0-9]{10}", digits) else None


@admin.register(Patient, site=clinic_site)
class OwnPatientsAdmin(OwnRowsAdmin):
    list_display = ("name", "date_of_birth", "number")
    # Dates and numbers are looked up whole: parts of one would find strangers among one's own.
    search_fields = ("name",)
    search_help_text = _("Name, date of birth or NHS number, among your own patients")
    ordering = ("name",)
    list_per_page = 50
    fields = readonly_fields = ("name", "date_of_birth", "number", "communication_needs")
    change_form_template = "clinic/patient.html"

    def own_rows(self, request: HttpRequest) -> QuerySet[Any]:
        return policy.cared_for_by(request.user)

    def note_absence(self, request: HttpRequest, object_id: UUID) -> None:
        absence = policy.absence_of(request.user, object_id)
        refusals.note_absence(ledger.actor_of(request), "patient", object_id, absence, now=timezone.now())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if born := as_date(search_term):
            return queryset.filter(date_of_birth=born), False
        if number := as_nhs_number(search_term):
            return queryset.filter(nhs_number=number), False
        return super().get_search_results(request, queryset, search_term)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        ledger.append(ledger.actor_of(request), ledger.Line(Action.OPENED, "patient", obj.pk, obj.pk))
        context |= {"patient": obj, "nhs_number": self.number(obj)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.display(description=_("NHS number"), ordering="nhs_number")
    def number(self, patient: Patient) -> str:
        return spaced(patient.nhs_number or "")
