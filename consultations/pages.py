"""What pages show of consultations: rows with words, for patients and clinicians."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, prefetch_related_objects
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Viewer
from accounts.paging import Part, part
from consultations import policy
from consultations.models import Call, ClinicMessage, Consultation, Participant
from consultations.services import may_be_joined

PER_PAGE, PER_PANEL = 25, 10
NEWEST_FIRST = ("-starts_at", "-pk")
LIVE = (Consultation.Status.PLANNED, Consultation.Status.IN_PROGRESS)


def is_clinician_of(user: Viewer, consultation: Consultation) -> bool:
    return consultation.clinician.user_id == user.pk


def other_name(user: Viewer, consultation: Consultation) -> str:
    return consultation.patient.name if is_clinician_of(user, consultation) else consultation.clinician.display_name


def waiting_since(consultation: Consultation) -> datetime | None:
    """Return since when the patient is there and not let in; for what is over nobody waits."""
    if consultation.status not in LIVE:
        return None
    places = [p for p in consultation.participants.all() if p.role == Participant.Role.PATIENT]
    waits = next((p for p in places if p.is_present and p.waiting_at and not p.admitted_at), None)
    return waits.waiting_at if waits else None


def state_text(consultation: Consultation, now: datetime) -> str:
    """Say in words where a consultation stands."""
    if consultation.status == Consultation.Status.IN_PROGRESS:
        return _("In progress")
    if consultation.status != Consultation.Status.PLANNED:
        return str(consultation.get_status_display()).capitalize()
    if since := waiting_since(consultation):
        minutes = int((now - since).total_seconds() // 60)
        waits = ngettext("Waiting %(n)d minute", "Waiting %(n)d minutes", minutes) % {"n": minutes}
        return waits if minutes else _("Waiting now")
    minutes = round((consultation.starts_at - now).total_seconds() / 60)
    if minutes > 60 * 12:
        return _("Planned")
    if minutes > 60:
        hours = round(minutes / 60)
        return ngettext("Starts in %(n)d hour", "Starts in %(n)d hours", hours) % {"n": hours}
    if minutes > 0:
        return ngettext("Starts in %(n)d minute", "Starts in %(n)d minutes", minutes) % {"n": minutes}
    return _("Starts now") if now < consultation.ends_at else _("Planned time is over")


def row(user: Viewer, consultation: Consultation, now: datetime) -> dict[str, Any]:
    """Shape: one row of `consultations/_rows.html` and `_next.html`; `day_pages` adds more for `clinic/_today.html`."""
    call_url = reverse("consultations:call", args=[consultation.pk])
    return {
        "consultation": consultation,
        "starts_at": consultation.starts_at,
        "reason": consultation.reason,
        "clinician_name": consultation.clinician.display_name,
        "patient_name": consultation.patient.name,
        "other_name": other_name(user, consultation),
        "state_text": state_text(consultation, now),
        "waiting": waiting_since(consultation) is not None,
        "can_join": may_be_joined(consultation, now=now),
        "url": reverse("consultations:detail", args=[consultation.pk]),
        "join_url": call_url,
        "call_url": call_url,
    }


def with_all_of_a_row(consultations: QuerySet[Consultation]) -> QuerySet[Consultation]:
    """Return the same consultations with what their rows need."""
    return _named(consultations).prefetch_related("participants")


def _named(consultations: QuerySet[Consultation]) -> QuerySet[Consultation]:
    """Return the same consultations with their people's names: all that the row of one that is over needs."""
    return consultations.select_related("patient", "clinician__user")


def _among(ids: QuerySet[Consultation, UUID]) -> QuerySet[Consultation]:
    """Return the consultations with these ids, in no order.

    A page's ids are a query within this one: joined at once, people would be joined to the whole list.
    """
    return Consultation.objects.filter(pk__in=ids)


def upcoming(user: Viewer, now: datetime) -> list[dict[str, Any]]:
    """Return the next consultations, soonest first; one that ran out of its time is not next."""
    since = now - timedelta(hours=2)
    planned = policy.visible_to(user).filter(status__in=LIVE, ends_at__gt=since).order_by("starts_at")[:20]
    unread = ClinicMessage.objects.unread().filter(consultation=OuterRef("pk"), patient__user=user.pk)
    rows = with_all_of_a_row(_among(planned.values_list("pk", flat=True))).annotate(news=Exists(unread))
    return [
        row(user, one, now) | {"has_news": one.news}
        for one in rows.order_by("starts_at")
        if one.ends_at > now or may_be_joined(one, now=now)
    ]


def past(user: Viewer, number: str | None, now: datetime) -> Part[Consultation]:
    """Return a page of what is over, newest first: also what nobody held, nor said that it was missed."""
    to_come = Q(status__in=LIVE, ends_at__gte=now - settings.CALL_JOIN_CLOSES_AFTER)
    newest = _newest(policy.visible_to(user).exclude(to_come))
    page = part(number, PER_PAGE, lambda between: _named(_among(newest[between])).order_by(*NEWEST_FIRST))
    prefetch_related_objects([one for one in page if one.status in LIVE], "participants")
    return page


def held_with(user: Viewer, patient_id: UUID, number: str | None) -> Part[Consultation]:
    """Return a page of the clinician's own consultations with one patient, newest first."""
    newest = _newest(policy.held_by(user).filter(patient=patient_id))
    return part(number, PER_PANEL, lambda between: with_all_of_a_row(_among(newest[between])).order_by(*NEWEST_FIRST))


def _newest(consultations: QuerySet[Consultation]) -> QuerySet[Consultation, UUID]:
    """Return their ids, newest first."""
    return consultations.order_by(*NEWEST_FIRST).values_list("pk", flat=True)


def initials(name: str) -> str:
    words = [word for word in name.split() if word.rstrip(".").lower() not in {"dr", "prof", "mr", "mrs", "ms"}]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


def people_of(place: Participant) -> tuple[dict[str, str], dict[str, str]]:
    """Return (me, other) as the call page shows them."""

    def shown(participant: Participant) -> dict[str, str]:
        is_clinician = participant.role == Participant.Role.CLINICIAN
        name = participant.consultation.clinician.display_name if is_clinician else participant.user.name
        return {"participant": str(participant.pk), "name": name, "initials": initials(name)}

    others = Participant.objects.select_related("user", "consultation__clinician__user").exclude(pk=place.pk)
    other = others.filter(consultation=place.consultation_id).exclude(role=Participant.Role.GUEST).first()
    return shown(place), shown(other) if other else {"participant": "", "name": "", "initials": ""}


def last_call(consultation_id: UUID) -> Call | None:
    return Call.objects.filter(consultation=consultation_id).order_by("-opened_at").first()
