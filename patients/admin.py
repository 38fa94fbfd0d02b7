"""Staff register patients and clinicians. Nothing clinical is deleted here."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.sites import OfferedLookupsAdmin
from patients import policy
from patients.models import CareRelationship, Clinician, Patient


class NeverDeleted(OfferedLookupsAdmin):
    """People leave by deactivation; rows that history refers to stay."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LinkedOnce(NeverDeleted):
    """SECURITY: whose profile it is decides what may be watched; once said, it stays."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("user",) if obj is not None and obj.user_id else ()


@admin.register(Patient)
class PatientAdmin(LinkedOnce):
    list_display = ("name", "date_of_birth", "nhs_number", "has_sign_in")
    search_fields = ("name", "nhs_number")
    ordering = ("name",)
    autocomplete_fields = ("user",)

    def save_model(self, request: HttpRequest, obj: Patient, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.user:
            policy.grant_view(obj, obj.user)  # in the transaction of the form that links them

    @admin.display(boolean=True)
    def has_sign_in(self, patient: Patient) -> bool:
        return patient.user_id is not None


@admin.register(Clinician)
class ClinicianAdmin(LinkedOnce):
    list_display = ("display_name", "speciality", "registration_number", "is_active")
    list_filter = ("is_active", "speciality")
    list_select_related = ("user",)
    search_fields = ("user__name", "registration_number")
    autocomplete_fields = ("user",)


@admin.register(CareRelationship)
class CareRelationshipAdmin(NeverDeleted):
    list_display = ("patient_name", "clinician", "since", "until")
    list_select_related = ("patient", "clinician__user")
    autocomplete_fields = ("patient", "clinician")

    @admin.display(description="patient", ordering="patient__name")
    def patient_name(self, relationship: CareRelationship) -> str:
        return relationship.patient.name

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # begin_care writes the grant with it

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
