"""Staff move and cancel what is planned, and send its patient word. They read no content."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.noted import NotedAdmin
from audit.ledger import actor_of
from audit.models import Action
from consultations import booking, booking_pages, clinic_messages, desk, lateness, pages, policy
from consultations.booking import NotBookable, NotChangeable
from consultations.message_forms import MessageForm
from consultations.models import Consultation
from consultations.schedule_forms import CancelForm, MoveForm
from consultations.services import is_expected
from consultations.slots import Slot
from patients.models import Clinician, Patient

RIGHT = "consultations.schedule_consultation"
View = Callable[..., HttpResponse]


def for_the_schedule(view: View) -> View:
    """Send away who may not change the schedule."""

    @wraps(view)
    def allowed(admin: Any, request: HttpRequest, **named: UUID) -> HttpResponse:
        if not request.user.has_perm(RIGHT):
            return admin.admin_site.login(request)  # type: ignore[no-any-return]
        return view(admin, request, **named)

    return allowed


class SchedulingAdmin(NotedAdmin):
    """Each of its pages is noted when it is opened, and what is done there with it, in one transaction."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<uuid:pk>/move/", view(self.move), name="consultation_move"),
            path("<uuid:pk>/cancel/", view(self.cancel), name="consultation_cancel"),
            path("<uuid:pk>/message/", view(self.message), name="consultation_message"),
        ]
        return [*own, *super().get_urls()]

    def page(self, request: HttpRequest, template: str, title: Any, **facts: Any) -> TemplateResponse:
        common = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, f"admin/consultations/consultation/{template}.html", common | facts)

    def page_of(
        self, request: HttpRequest, template: str, title: Any, consultation: Consultation, **facts: Any
    ) -> TemplateResponse:
        return self.page(request, template, title, consultation=consultation, patient=consultation.patient, **facts)

    def opened(self, request: HttpRequest, pk: UUID, reason: str) -> Consultation:
        consultation = get_object_or_404(desk.facts_only(), pk=pk)
        self.note(request, Action.OPENED, consultation, reason)
        return consultation

    @for_the_schedule
    def move(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Free times of any clinician, one of them chosen, or a time that is typed; and why."""
        consultation, now = self.opened(request, pk, "move"), timezone.now()
        if consultation.status not in booking.CHANGEABLE:
            return self._too_late(request, consultation)
        if "at" in request.GET:
            return self._move_to_slot(request, consultation, now)
        initial = {"starts_at": timezone.localtime(consultation.starts_at)}
        form = MoveForm(request.POST if request.method == "POST" else None, initial=initial)
        if form.is_valid():
            starts_at, length = form.cleaned_data["starts_at"], consultation.ends_at - consultation.starts_at
            slot = Slot(starts_at, starts_at + length, consultation.clinician_id)
            if moved := self._moved(request, consultation, slot, form, now):
                return moved
        wanted = request.GET.get("with", str(consultation.clinician_id))
        facts = {"form": form} | self.times(request, consultation.patient, wanted, now, besides=consultation)
        return self.page_of(request, "times", _("Move a consultation"), consultation, **facts)

    def _move_to_slot(self, request: HttpRequest, consultation: Consultation, now: datetime) -> HttpResponse:
        form = CancelForm(request.POST if request.method == "POST" else None)
        try:
            slot, clinician = self.slot_of(request, consultation.patient, now, besides=consultation)
        except NotBookable:
            return self.back_to_times(request)
        if (slot.starts_at, slot.clinician) == (consultation.starts_at, consultation.clinician_id):
            return self.to_desk(consultation)  # it is there already
        if form.is_valid() and (moved := self._moved(request, consultation, slot, form, now)):
            return moved
        facts = {"slot": slot, "clinician": clinician, "form": form}
        return self.page_of(request, "confirm", _("Move a consultation"), consultation, **facts)

    def _moved(
        self, request: HttpRequest, consultation: Consultation, slot: Slot, form: CancelForm, now: datetime
    ) -> HttpResponse | None:
        """Move it, or say on the form why that cannot be."""
        facts: dict[str, Any] = {"by": request.user, "why": form.cleaned_data["why"], "now": now}
        try:
            with transaction.atomic():
                if slot.clinician == consultation.clinician_id:
                    booking.move(consultation, starts_at=slot.starts_at, ends_at=slot.ends_at, **facts)
                    self.note(request, Action.CHANGED, consultation, "moved")
                else:
                    to = Clinician.objects.select_related("user").get(pk=slot.clinician)
                    made = booking.hand_over(consultation, to=to, slot=slot, actor=actor_of(request), **facts)
                    self.note(request, Action.CHANGED, consultation, "handed_over", next=str(made.pk))
        except (NotBookable, NotChangeable) as refusal:
            form.add_error(None, str(refusal))
            return None
        messages.success(request, _("Moved. Everybody who takes part gets a letter."))
        return self.to_desk(consultation)

    @for_the_schedule
    def cancel(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        consultation = self.opened(request, pk, "cancel")
        if consultation.status not in booking.CHANGEABLE:
            return self._too_late(request, consultation)
        form = CancelForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                with transaction.atomic():
                    booking.cancel(
                        consultation, by=request.user, why=form.cleaned_data["why"],  # type: ignore[arg-type]  # who has a right is signed in
                        actor=actor_of(request), now=timezone.now(),
                    )  # fmt: skip
                    self.note(request, Action.CHANGED, consultation, "cancelled")
                messages.success(request, _("Cancelled. Everybody who takes part gets a letter."))
                return self.to_desk(consultation)
            except NotChangeable as refusal:
                form.add_error(None, str(refusal))
        return self.page_of(request, "confirm", _("Cancel a consultation"), consultation, form=form)

    @for_the_schedule
    def message(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Word to a patient who is expected or waits; what their clinician wrote stays between those two."""
        consultation, now = self.opened(request, pk, "message"), timezone.now()
        if not is_expected(consultation, now=now):
            messages.warning(request, _("The patient is not expected any more, so nobody would read a message."))
            return self.to_desk(consultation)
        late = lateness.minutes_late([consultation.clinician_id], now=now).get(pk, 0)
        form = MessageForm(request.POST if request.method == "POST" else None, initial={"text": _words(late)})
        if form.is_valid():
            try:
                with transaction.atomic():
                    sent = clinic_messages.send(consultation, form.cleaned_data["text"], by=request.user, now=now)  # type: ignore[arg-type]
                    self.note(request, Action.CHANGED, consultation, "told", message=str(sent.pk))
                messages.success(request, _("Sent. The patient sees it at once, and gets a letter that there is one."))
            except NotChangeable as refusal:
                messages.warning(request, str(refusal))
            return self.to_desk(consultation)
        facts = {"form": form, "minutes_late": late, "sent": desk.messages_to(consultation)}
        since = pages.waiting_since(consultation)
        return self.page_of(request, "message", _("Send a message"), consultation, since=since, **facts)

    def _too_late(self, request: HttpRequest, consultation: Consultation) -> HttpResponse:
        messages.warning(request, _("This consultation cannot be changed any more."))
        return self.to_desk(consultation)

    def to_desk(self, consultation: Consultation) -> HttpResponse:
        return redirect("admin:desk_patient", consultation.patient_id)

    def times(
        self,
        request: HttpRequest,
        patient: Patient,
        wanted: str,
        now: datetime,
        *,
        besides: Consultation | None = None,
    ) -> dict[str, Any]:
        """Return what the list of free times shows: of one clinician, or of whoever is free first."""
        choices = desk.choices(patient, chosen=wanted)
        chosen = choices["chosen"]
        return {
            **choices,
            "days": desk.days(patient, chosen, request.GET.get("page"), besides=besides, now=now),
            "with_names": chosen == booking_pages.ANYBODY,
            "link": f"{request.path}?",
            "more": f"with={chosen}",
            "zone": booking_pages.zone_hint(request.user),
            "is_gone": "gone" in request.GET,
        }

    def slot_of(
        self, request: HttpRequest, patient: Patient, now: datetime, *, besides: Consultation | None = None
    ) -> tuple[Slot, Clinician]:
        """Return the free time that the address names. Errors: NotBookable."""
        starts_at, wanted = booking_pages.moment(request.GET.get("at", "")), request.GET.get("with", "")
        here = Clinician.objects.select_related("user").filter(user__is_active=True, is_active=True)
        clinician = next((one for one in here if str(one.pk) == wanted), None)
        if starts_at is None or clinician is None:
            raise NotBookable(_("This time is no longer free."))
        rules = policy.bookable_by_the_clinic().filter(clinician=clinician)
        slot = booking.free_slot(rules, starts_at, patient=patient, now=now, besides=besides, notice=desk.AT_ONCE)
        return slot, clinician

    def back_to_times(self, request: HttpRequest) -> HttpResponse:
        """Somebody was faster."""
        asked = {"with": request.GET.get("with", ""), "gone": ""}
        return redirect(f"{request.path}?{urlencode(asked)}")


def _words(minutes_late: int) -> str:
    late = _("Your clinician is running about %(n)d minutes late.")
    return late % {"n": minutes_late} if minutes_late else ""
