"""Staff see schedule facts of consultations: when, who, state. No content."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from consultations.models import Consultation
from patients.admin import NeverDeleted


@admin.register(Consultation)
class ConsultationAdmin(NeverDeleted):
    """Read-only here: booking and moving write grants and places with them, which a form would not."""

    list_display = ("starts_at", "ends_at", "patient_name", "clinician", "status")
    list_filter = ("status", "clinician")
    list_select_related = ("patient", "clinician__user")
    search_fields = ("patient__name", "clinician__user__name")
    date_hierarchy = "starts_at"
    ordering = ("-starts_at",)
    fields = readonly_fields = ("patient_name", "clinician", "starts_at", "ends_at", "status", "ended_at")

    @admin.display(description="patient", ordering="patient__name")
    def patient_name(self, consultation: Consultation) -> str:
        return consultation.patient.name

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
