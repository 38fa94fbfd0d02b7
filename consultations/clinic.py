"""Consultations in the clinician admin site."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.clinic import OwnRowsAdmin
from accounts.sites import clinic_site
from audit import ledger, refusals
from audit.days import Days
from consultations import note_pages, pages, policy, schedule_admin  # noqa: F401  one's own hours and time off
from consultations.models import Consultation, NoteTemplate
from consultations.services import may_be_joined
from patients.models import Clinician


@admin.register(Consultation, site=clinic_site)
class OwnConsultationsAdmin(OwnRowsAdmin):
    list_display = ("starts_at", "patient_name", "reason", "status", "open_call")
    list_display_links = ("starts_at",)
    list_filter = (("starts_at", Days), "status")
    search_fields = ("patient__name", "patient__nhs_number", "reason")
    search_help_text = _("Name, NHS number or reason, among your own consultations")
    ordering = ("-starts_at",)
    change_form_template = "clinic/consultation.html"
    fields = readonly_fields = (
        "patient_name",
        "starts_at",
        "ends_at",
        "reason",
        "preferred_mode",
        "adjustments",
        "status",
        "state",
        "open_call",
    )

    def own_rows(self, request: HttpRequest) -> QuerySet[Any]:
        own = policy.visible_to(request.user).filter(clinician__user=request.user.pk)
        return own.select_related("patient", "clinician__user")

    def note_absence(self, request: HttpRequest, object_id: UUID) -> None:
        absence = policy.absence_of(request.user, object_id, policy.VIEW)
        refusals.note_absence(ledger.actor_of(request), "consultation", object_id, absence, now=timezone.now())

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        now = timezone.now()
        context |= note_pages.editor(request, obj, now=now)
        context |= {"state_text": pages.state_text(obj, now), "can_join": may_be_joined(obj, now=now)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.display(description=_("patient"), ordering="patient__name")
    def patient_name(self, consultation: Consultation) -> str:
        return consultation.patient.name

    @admin.display(description=_("now"))
    def state(self, consultation: Consultation) -> str:
        return pages.state_text(consultation, timezone.now())

    @admin.display(description=_("call"))
    def open_call(self, consultation: Consultation) -> str:
        if may_be_joined(consultation, now=timezone.now()):
            return format_html(
                '<a href="{}">{}</a>', reverse("consultations:call", args=[consultation.pk]), _("Open the call")
            )
        return format_html('<a href="{}">{}</a>', reverse("consultations:detail", args=[consultation.pk]), _("Show"))


@admin.register(NoteTemplate, site=clinic_site)
class OwnNoteTemplatesAdmin(OwnRowsAdmin):
    """The one thing clinicians write here: beginnings of their own notes. Nobody sees another's."""

    list_display = ("name",)
    search_fields = ("name",)
    fields = ("name", "text")

    def own_rows(self, request: HttpRequest) -> QuerySet[Any]:
        return NoteTemplate.objects.filter(clinician__user=request.user.pk, clinician__is_active=True)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def save_model(self, request: HttpRequest, obj: NoteTemplate, form: Any, change: bool) -> None:
        if not change:
            obj.clinician = Clinician.objects.get(user=request.user.pk)
        super().save_model(request, obj, form, change)
