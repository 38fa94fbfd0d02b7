"""Staff see schedule facts of consultations: when, who, state, needs. They move and cancel; they read no content."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from audit.days import Days
from consultations import booking_pages, care_admin, schedule_admin  # noqa: F401  care, hours and time off
from consultations.desk_admin import DeskAdmin
from consultations.models import Consultation
from consultations.scheduling_admin import RIGHT
from consultations.services import is_expected
from patients.admin import ClinicianFilter, NeverDeleted


@admin.register(Consultation)
class ConsultationAdmin(DeskAdmin, NeverDeleted):
    """No form of Django's: booking, moving and cancelling write more with them, in one transaction."""

    change_form_template = "admin/consultations/consultation/change_form.html"
    list_display = ("starts_at", "ends_at", "patient_name", "clinician", "status", "adjustments")
    list_filter = (("starts_at", Days), "status", ("clinician", ClinicianFilter))
    list_select_related = ("patient", "clinician__user")
    search_fields = ("patient__name", "clinician__user__name")
    ordering = ("-starts_at",)
    fields = readonly_fields = (
        "patient_name",
        "clinician",
        "starts_at",
        "ends_at",
        "status",
        "preferred_mode",
        "adjustments",
        "changes",
        "ended_at",
    )

    def patient_of(self, obj: Consultation) -> UUID:
        return obj.patient_id

    @admin.display(description=_("patient"), ordering="patient__name")
    def patient_name(self, consultation: Consultation) -> str:
        return consultation.patient.name

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("what was changed"))
    def changes(self, consultation: Consultation) -> str:
        return format_html_join("\n", "<p>{}</p>", ([line] for line in booking_pages.history(None, consultation)))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may_schedule = request.user.has_perm(RIGHT)
        consultation = self.get_object(request, object_id)
        may_tell = may_schedule and consultation is not None and is_expected(consultation, now=timezone.now())
        may = {"may_schedule": may_schedule, "may_tell": may_tell}
        return super().change_view(request, object_id, form_url, may | (extra_context or {}))
