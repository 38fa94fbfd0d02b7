"""Staff see schedule facts of consultations: when, who, state, needs. They move and cancel; they read no content."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from accounts.noted import NotedAdmin
from consultations import booking, booking_pages, schedule_admin  # noqa: F401  hours and time off
from consultations.booking import NotBookable, NotChangeable
from consultations.models import Consultation
from consultations.schedule_forms import CancelForm, MoveForm
from patients.admin import NeverDeleted

RIGHT = "consultations.schedule_consultation"


@admin.register(Consultation)
class ConsultationAdmin(NotedAdmin, NeverDeleted):
    """No form of Django's: booking, moving and cancelling write more with them, in one transaction."""

    change_form_template = "admin/consultations/consultation/change_form.html"
    list_display = ("starts_at", "ends_at", "patient_name", "clinician", "status")
    list_filter = ("status", "clinician")
    list_select_related = ("patient", "clinician__user")
    search_fields = ("patient__name", "clinician__user__name")
    date_hierarchy = "starts_at"
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
        may = {"may_schedule": request.user.has_perm(RIGHT)}
        return super().change_view(request, object_id, form_url, may | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<uuid:pk>/move/", view(self.move), name="consultation_move"),
            path("<uuid:pk>/cancel/", view(self.cancel), name="consultation_cancel"),
        ]
        return [*own, *super().get_urls()]

    def move(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self._schedule(request, pk, MoveForm, _("Move a consultation"))

    def cancel(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self._schedule(request, pk, CancelForm, _("Cancel a consultation"))

    def _schedule(self, request: HttpRequest, pk: UUID, form_class: type[CancelForm], title: Any) -> HttpResponse:
        """Move if the form has a start, else cancel; both with a reason."""
        if not request.user.has_perm(RIGHT):
            return self.admin_site.login(request)
        consultation = get_object_or_404(Consultation.objects.with_people(), pk=pk)
        form = form_class(request.POST or None, initial={"starts_at": timezone.localtime(consultation.starts_at)})
        if form.is_valid():
            try:
                self._do(request, consultation, form.cleaned_data)
                return redirect("admin:consultations_consultation_change", pk)
            except (NotBookable, NotChangeable) as refusal:
                form.add_error(None, str(refusal))
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "consultation": consultation,
            "form": form,
            "moves": form_class is MoveForm,
        }
        return TemplateResponse(request, "admin/consultations/consultation/schedule.html", context)

    def _do(self, request: HttpRequest, consultation: Consultation, said: dict[str, Any]) -> None:
        facts: dict[str, Any] = {"by": request.user, "why": said["why"], "now": timezone.now()}
        if starts_at := said.get("starts_at"):
            ends_at = starts_at + (consultation.ends_at - consultation.starts_at)
            booking.move(consultation, starts_at=starts_at, ends_at=ends_at, **facts)
            messages.success(request, _("Moved."))
        else:
            booking.cancel(consultation, **facts)
            messages.success(request, _("Cancelled."))
