"""Consultations for somebody's own calendar program (RFC 5545): when, with whom and where to join; never why.

The private address of a feed is kept as a hash: who reads the database cannot read anybody's calendar.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from accounts.models import User, Viewer
from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from consultations import policy
from consultations.models import Consultation
from consultations.schedule import CalendarFeed

PRODUCT = "-//Telehealth portal//Consultations//EN"
STATUS = {
    Consultation.Status.REQUESTED: "TENTATIVE",
    Consultation.Status.CANCELLED: "CANCELLED",
    Consultation.Status.NO_SHOW: "CANCELLED",
}
KEPT_FOR = timedelta(days=30)
MOST = 500
READS_PER_HOUR = 60
AN_HOUR = timedelta(hours=1)
Address = Callable[[Consultation], str]


def written(consultations: Iterable[Consultation], *, reader: Viewer, address: Address) -> bytes:
    """Return a calendar of these consultations, their `changes` fetched, as this person may keep it."""
    calendar = Calendar()
    for name, value in (("prodid", PRODUCT), ("version", "2.0"), ("method", "PUBLISH")):
        calendar.add(name, value)
    calendar.add("x-wr-calname", _("Appointments"))
    for consultation in consultations:
        calendar.add_component(_event(consultation, reader, address(consultation)))
    return calendar.to_ical()


def _event(consultation: Consultation, reader: Viewer, link: str) -> Event:
    """SECURITY: it lies in other people's programs and on shared screens: no reason, no needs, no patient's name."""
    changes = list(consultation.changes.all())
    event = Event()
    event.add("uid", f"{consultation.pk}@consultations.telehealth")
    event.add("dtstamp", changes[-1].at if changes else consultation.created_at)
    event.add("sequence", len(changes))
    event.add("dtstart", consultation.starts_at)
    event.add("dtend", consultation.ends_at)
    event.add("status", STATUS.get(Consultation.Status(consultation.status), "CONFIRMED"))
    event.add("summary", _("Appointment"))
    event.add("class", "PRIVATE")
    event.add("url", link)
    is_own_patient = consultation.patient.user_id == reader.pk
    with_whom = _("With %s.") % consultation.clinician.display_name
    event.add("description", f"{with_whom} {link}" if is_own_patient else link)
    return event


def make_address(user: User, *, actor: Actor, now: datetime) -> str:
    """Return a new private address' token; an older one opens nothing any more. It cannot be shown again."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        feed, _made = CalendarFeed.objects.update_or_create(
            user=user, defaults={"token_hash": hash_of(token), "made_at": now, "read_at": None, "reads": 0}
        )
        ledger.append(actor, Line(Action.GRANTED, "calendarfeed", feed.pk, _patient_of(user)), now=now)
    return token


@transaction.atomic
def withdraw_address(user: User, *, actor: Actor, now: datetime) -> None:
    """Let the address open nothing any more. Idempotent: nothing is written when there is none."""
    feed = CalendarFeed.objects.select_for_update().filter(user=user).first()
    if feed is not None:
        ledger.append(actor, Line(Action.REVOKED, "calendarfeed", feed.pk, _patient_of(user)), now=now)
        feed.delete()


def _patient_of(user: User) -> UUID | None:
    patient = policy.patient_of(user)
    return patient.pk if patient else None


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def reader_of(token: str, *, now: datetime) -> User | None:
    """Return whose calendar this address opens now; None for a wrong one, and for one that is asked too often."""
    opened = CalendarFeed.objects.filter(token_hash=hash_of(token), user__is_active=True)
    feed = opened.select_related("user").first()
    return feed.user if feed is not None and _is_counted(feed, now) else None


def _is_counted(feed: CalendarFeed, now: datetime) -> bool:
    """Count a reading, unless there were too many; `read_at` is when the hour began in which `reads` are counted."""
    own = CalendarFeed.objects.filter(pk=feed.pk)
    this_hour = Q(read_at__gt=now - AN_HOUR)
    again = own.filter(this_hour, reads__lt=READS_PER_HOUR).update(reads=F("reads") + 1)
    return bool(again or own.filter(~this_hour | Q(read_at=None)).update(reads=1, read_at=now))


def of(user: Viewer, *, now: datetime) -> Iterable[Consultation]:
    """Return what stands in somebody's feed: what they may see, from a month ago on."""
    own = policy.visible_to(user).filter(ends_at__gt=now - KEPT_FOR)
    return own.select_related("patient", "clinician__user").prefetch_related("changes").order_by("starts_at")[:MOST]
