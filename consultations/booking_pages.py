"""What the pages of booking show: free times by day in the person's zone, and what became of a booking."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Viewer
from accounts.paging import Part, part
from consultations import diary, policy, waiting_list
from consultations.models import Consultation, ConsultationChange
from consultations.schedule import Availability
from consultations.slots import Slot
from patients.models import Clinician, Patient

DAYS_PER_PAGE = 5
ANYBODY = "first"
FIRST_AHEAD = timedelta(days=14)
NOON = 12
What = ConsultationChange.What
WORDS = {
    What.MOVED: gettext_lazy("Moved from %(was)s by %(who)s."),
    What.CANCELLED: gettext_lazy("Cancelled by %(who)s."),
    What.MISSED: gettext_lazy("Did not take place, as %(who)s said: the patient did not come."),
    What.EXPECTED: gettext_lazy("Can take place after all, as %(who)s said."),
    What.NEEDS: gettext_lazy("What makes it easier was changed by %(who)s on %(on)s."),
}


def said(moment: datetime) -> str:
    """Return a moment as it stands in addresses and forms."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def moment(text: str) -> datetime | None:
    """Return the moment that `said` wrote, None for anything else."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def choices(patient: Patient) -> list[dict[str, str]]:
    """Shape: whom this patient can ask for, `key`, `name`, `speciality`: those they know, last met first; then any."""
    last_met = Max("consultations__starts_at", filter=Q(consultations__patient=patient))
    known = policy.clinicians_of(patient).annotate(last_met=last_met)
    own = [
        {"key": str(clinician.pk), "name": clinician.display_name, "speciality": clinician.speciality}
        for clinician in known.order_by(F("last_met").desc(nulls_last=True), "user__name")
    ]
    return [*own, {"key": ANYBODY, "name": _("Whoever is free first"), "speciality": ""}]


def rules_for(patient: Patient, chosen: str) -> QuerySet[Availability]:
    """Return the hours behind a choice."""
    rules = policy.bookable_by(patient)
    return rules if chosen == ANYBODY else rules.filter(clinician=UUID(chosen))


def soonest(
    patient: Patient, rules: QuerySet[Availability], chosen: str, *, now: datetime, **wishes: Any
) -> tuple[list[Slot], timedelta]:
    """Return what is free, and how far ahead that is looked for.

    Whoever is free first is asked for something soon, and may be anybody of many; where nothing is, as far as can be
    booked at all, as the waiting list does.
    """
    soon = min(FIRST_AHEAD, settings.BOOKING_AHEAD) if chosen == ANYBODY else settings.BOOKING_AHEAD
    slots = times(patient, rules, now=now, ahead=soon, **wishes)
    if slots or soon == settings.BOOKING_AHEAD:
        return slots, soon
    return times(patient, rules, now=now, ahead=settings.BOOKING_AHEAD, **wishes), settings.BOOKING_AHEAD


def times(
    patient: Patient,
    rules: QuerySet[Availability],
    *,
    now: datetime,
    ahead: timedelta,
    besides: Consultation | None = None,
    notice: timedelta | None = None,
) -> list[Slot]:
    """Return what is free, each time once: somebody who cares for them comes first."""
    slots = diary.free(rules, from_=now, to=now + ahead, now=now, patient=patient, besides=besides, notice=notice)
    known = set(policy.clinicians_of(patient).values_list("pk", flat=True))
    return [
        min(at_once, key=lambda slot: (slot.clinician not in known, slot.clinician))
        for _start, at_once in groupby(slots, key=lambda slot: slot.starts_at)
    ]


def days(slots: Iterable[Slot], page: str | None) -> Part[Any]:
    """Return a page of days. Shape: `date`, `count`, and `parts` of the day, each a name and the times of `_parts`."""
    named = _names(slots := list(slots))
    by_day = groupby(slots, key=lambda slot: timezone.localdate(slot.starts_at))
    rows = [{"date": day, "count": len(own), "parts": _parts(own, named)} for day, times in by_day if (own := [*times])]
    return part(page, DAYS_PER_PAGE, lambda between: rows[between])


def _parts(slots: list[Slot], named: dict[UUID, str]) -> list[tuple[str, list[dict[str, Any]]]]:
    halves = groupby(slots, key=lambda slot: timezone.localtime(slot.starts_at).hour < NOON)
    return [
        (
            _("Morning") if is_morning else _("Afternoon"),
            [
                {
                    "starts_at": slot.starts_at,
                    "at": said(slot.starts_at),
                    "clinician": slot.clinician,
                    "name": named[slot.clinician],
                }
                for slot in own
            ],
        )
        for is_morning, own in halves
    ]


def _names(slots: list[Slot]) -> dict[UUID, str]:
    people = Clinician.objects.select_related("user").filter(pk__in={slot.clinician for slot in slots})
    return {clinician.pk: clinician.display_name for clinician in people}


def history(viewer: Viewer | None, consultation: Consultation) -> list[str]:
    """Say what became of a booking, in the order in which it happened; to the viewer, what they did themselves."""
    return [_sentence(viewer, change, consultation) for change in consultation.changes.all()]


def _sentence(viewer: Viewer | None, change: ConsultationChange, consultation: Consultation) -> str:
    if viewer is not None and change.by_id == viewer.pk:
        who = _("you")
    elif change.by_id == consultation.patient.user_id:
        who = _("the patient")
    elif change.by_id == consultation.clinician.user_id:
        who = consultation.clinician.display_name
    else:
        who = _("the clinic")
    was, on = (date_format(timezone.localtime(moment), "j M Y, H:i") for moment in (change.was, change.at))
    sentence = str(WORDS[What(change.what)]) % {"who": who, "was": was, "on": on}
    return f"{sentence} {change.why}" if change.why else sentence


def waiting(viewer: Viewer, now: datetime) -> dict[str, Any]:
    """Shape: `offer` and `wish` of `booking/_waiting.html`; none where there is none."""
    wish = waiting_list.wish_of(viewer)
    # Only who waits is offered anything.
    return {"offer": waiting_list.offer_to(viewer, now=now) if wish else None, "wish": wish}


def until_when(consultation: Consultation) -> datetime:
    """Return until when its patient may change or cancel it."""
    return consultation.starts_at - settings.BOOKING_CHANGES_UNTIL_BEFORE


def zone_hint(user: Viewer) -> str:
    """Name the zone times are shown in, when it is not the clinic's."""
    zone = str(getattr(user, "time_zone", ""))
    return zone.replace("_", " ") if zone and zone != settings.DEFAULT_PERSON_TIME_ZONE else ""
