"""Reception on the phone: find a patient, see what is planned for them, and book what is free."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import ledger
from audit.ledger import Line, actor_of
from audit.models import Action
from consultations import booking, desk, drafts
from consultations.booking import NotBookable
from consultations.booking_pages import ANYBODY
from consultations.desk_forms import BookForm, PlanForm
from consultations.scheduling_admin import SchedulingAdmin, for_the_schedule
from consultations.slots import Slot
from patients.models import Clinician, Patient
from patients.nhs_number import spaced


class DeskAdmin(SchedulingAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("desk/", view(self.find), name="desk"),
            path("desk/<uuid:pk>/", view(self.patient), name="desk_patient"),
            path("desk/<uuid:pk>/book/", view(self.book), name="desk_book"),
        ]
        return [*own, *super().get_urls()]

    @for_the_schedule
    def find(self, request: HttpRequest) -> HttpResponse:
        term = request.GET.get("q", "").strip()
        found = desk.find(term, now=timezone.now()) if term else []
        if term:
            line = Line(Action.LISTED, "patient", reason="desk", detail={"shown": len(found), "by": ["q"]})
            each = [Line(Action.LISTED, "patient", one.patient.pk, one.patient.pk, "desk") for one in found]
            ledger.append(actor_of(request), line, *each)
        facts = {"term": term, "found": found, "are_more": len(found) == desk.MOST_FOUND}
        return self.page(request, "desk", _("Find a patient"), **facts)

    @for_the_schedule
    def patient(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Enough to be sure who is on the phone, and their consultations."""
        patient, now = self._opened_patient(request, pk, "desk"), timezone.now()
        facts = {
            "patient": patient,
            "nhs_number": spaced(patient.nhs_number or ""),
            "rows": desk.planned_for(patient, now=now),
            "past": desk.past_of(patient, now=now),
        }
        return self.page(request, "desk_patient", patient.name, **facts)

    @for_the_schedule
    def book(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Free times of any clinician, one of them chosen, or a time of one of them that is typed; and what for."""
        patient, now = self._opened_patient(request, pk, "book"), timezone.now()
        if "at" in request.GET:
            return self._book_slot(request, patient, now)
        facts = self.times(request, patient, request.GET.get("with", ANYBODY), now)
        if not facts["with_names"]:
            clinician = Clinician.objects.select_related("user").get(pk=facts["chosen"])
            form = PlanForm(request.POST if request.method == "POST" else None, initial=drafts.kept(request, patient))
            if form.is_valid() and (booked := self._booked(request, patient, form.slot(clinician.pk), clinician, form)):
                return booked
            facts |= {"form": form, "clinician": clinician}
        return self.page(request, "times", _("Book a consultation"), patient=patient, **facts)

    def _book_slot(self, request: HttpRequest, patient: Patient, now: datetime) -> HttpResponse:
        form = BookForm(request.POST if request.method == "POST" else None, initial=drafts.kept(request, patient))
        try:
            slot, clinician = self.slot_of(request, patient, now)
        except NotBookable:
            drafts.keep(request, patient, form)
            return self.back_to_times(request)
        if form.is_valid() and (booked := self._booked(request, patient, slot, clinician, form)):
            return booked
        facts = {"patient": patient, "slot": slot, "clinician": clinician, "form": form}
        return self.page(request, "confirm", _("Book a consultation"), **facts)

    def _booked(
        self, request: HttpRequest, patient: Patient, slot: Slot, clinician: Clinician, form: BookForm
    ) -> HttpResponse | None:
        """Book it, or say on the form why that cannot be."""
        facts: dict[str, Any] = {"wishes": form.wishes(), "actor": actor_of(request), "now": timezone.now()}
        try:
            booking.plan(patient, slot, clinician=clinician, **facts)
        except NotBookable as refusal:
            form.add_error(None, str(refusal))
            return None
        drafts.drop(request)
        messages.success(request, _("Booked. The patient gets a letter."))
        return redirect("admin:desk_patient", patient.pk)

    def _opened_patient(self, request: HttpRequest, pk: UUID, reason: str) -> Patient:
        patient: Patient = get_object_or_404(Patient.objects.select_related("user"), pk=pk)
        ledger.append(actor_of(request), Line(Action.OPENED, "patient", patient.pk, patient.pk, reason))
        return patient
