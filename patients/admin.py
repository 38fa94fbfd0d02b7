"""Staff register patients and clinicians. Nothing clinical is deleted here."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.noted import ReasonForm
from accounts.sites import OfferedLookupsAdmin
from patients import policy, registration
from patients.import_admin import ImportingAdmin
from patients.models import Clinician, Patient
from patients.people_file import CLINICIANS, PATIENTS
from patients.registration_forms import ClinicianForm, PatientForm


class NeverDeleted(OfferedLookupsAdmin):
    """People leave by deactivation; rows that history refers to stay."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ClinicianFilter(admin.RelatedFieldListFilter):
    """Everybody who can be chosen with their name, in one query; Django's asks for each name."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        named = Clinician.objects.select_related("user").order_by("user__name")
        return [(str(clinician.pk), clinician.display_name) for clinician in named]


class LinkedOnce(ImportingAdmin, NeverDeleted):
    """SECURITY: whose profile it is decides what may be watched; once said, it stays. Registering says it."""

    list_select_related = ("user",)
    autocomplete_fields = ("user",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("user", "sign_in") if obj is not None and obj.user_id else ("sign_in",)


class LinkForm(ReasonForm):
    access = frozenset({"user"})


@admin.register(Patient)
class PatientAdmin(LinkedOnce):
    person_form, kind, register = PatientForm, PATIENTS, staticmethod(registration.register_patient)
    add_title = _("Register a patient")
    add_hint = _("They get a letter with a link to choose a password. It works once.")
    list_display = ("name", "date_of_birth", "nhs_number", "sign_in_or_invite")
    search_fields = ("name", "nhs_number")
    ordering = ("name",)
    form = LinkForm
    fields = ("user", "sign_in", "name", "date_of_birth", "nhs_number", "communication_needs", "why")

    def patient_of(self, obj: Patient) -> UUID:
        return obj.pk

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask why only while there is an account to be given."""
        is_linked = obj is not None and obj.user_id
        return [name for name in self.fields if name != "why"] if is_linked else self.fields

    def save_model(self, request: HttpRequest, obj: Patient, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.user:
            policy.grant_view(obj, obj.user)  # in the transaction of the form that links them
            # One person, one name: that of the account greets them and stands in the call.
            User.objects.filter(pk=obj.user.pk).update(name=obj.name)


class WorksHereForm(ReasonForm):
    access = frozenset({"is_active"})


@admin.register(Clinician)
class ClinicianAdmin(LinkedOnce):
    person_form, kind, register = ClinicianForm, CLINICIANS, staticmethod(registration.register_clinician)
    add_title = _("Register a clinician")
    add_hint = _("They get a letter with a link to choose a password. Patients are given to them one by one.")
    list_display = ("named", "speciality", "registration_number", "is_active", "sign_in_or_invite")
    list_filter = ("is_active", "speciality")
    search_fields = ("user__name", "registration_number")
    form = WorksHereForm
    fields = ("user", "sign_in", "title", "registration_number", "speciality", "is_active", "why")

    @admin.display(description=_("name"), ordering="user__name")
    def named(self, clinician: Clinician) -> str:
        return clinician.display_name
