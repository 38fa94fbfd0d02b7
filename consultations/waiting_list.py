"""The waiting list: who would like a time, and to whom a free one is offered next.

First come, first offered. An offer keeps its time for one patient until it expires; then the next one gets it. Assumes
authorisation.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils.translation import gettext as _

from accounts.models import Viewer
from audit.ledger import Actor
from consultations import booking, diary, letters, policy, signals
from consultations.booking import NotBookable, TooManyPlanned, Wishes
from consultations.models import Consultation, Mode, SlotOffer, WaitingListEntry
from consultations.schedule import Availability
from consultations.slots import Slot
from consultations.states import StaleTransition, move
from patients.models import Clinician, Patient

A_DAY = timedelta(days=1)
TIME_TO_ANSWER = timedelta(minutes=15)
Wish, Offer = WaitingListEntry.Status, SlotOffer.Status


class OfferOver(Exception):
    """It expired, was passed on, or its time is no longer free; the text is a sentence for the person."""


def join(
    patient: Patient, *, clinician: Clinician | None, until: date, wishes: Wishes, now: datetime
) -> WaitingListEntry:
    """Put a patient on the list until the end of a day of theirs.

    Idempotent because they have one place: who waits already changes their wish and keeps their turn.
    """
    facts = {
        "clinician": clinician,
        "until": until,
        "reason": wishes.reason,
        "preferred_mode": wishes.preferred_mode,
        "adjustments": wishes.adjustments,
    }
    entry, _is_new = WaitingListEntry.objects.update_or_create(
        patient=patient, status=Wish.WAITING, defaults=facts, create_defaults=facts | {"created_at": now}
    )
    return entry


@transaction.atomic
def leave(entry: WaitingListEntry) -> None:
    """Take a patient off the list; what was kept for them becomes free. Idempotent: one leaves once."""
    try:
        move(entry, Wish.LEFT, transitions=WaitingListEntry.TRANSITIONS)
    except StaleTransition:
        return
    entry.offers.filter(status=Offer.OPEN).update(status=Offer.PASSED)


def wish_of(viewer: Viewer) -> WaitingListEntry | None:
    waiting = WaitingListEntry.objects.filter(patient__user=viewer.pk, status=Wish.WAITING)
    return waiting.select_related("clinician__user").first()


def offer_to(viewer: Viewer, *, now: datetime) -> SlotOffer | None:
    """Return the time that is kept for this person now."""
    kept = SlotOffer.objects.filter(patient__user=viewer.pk, status=Offer.OPEN, expires_at__gt=now)
    return kept.select_related("clinician__user").first()


def fitting(patient: Patient, clinician: Clinician | None, until: date, *, now: datetime) -> list[Slot]:
    """Return what is free for this wish, soon enough after now to be answered."""
    rules = policy.bookable_by(patient)
    if clinician is not None:
        rules = rules.filter(clinician=clinician)
    return _free_until(rules, patient, until, now)


def _free_until(rules: QuerySet[Availability], patient: Patient, until: date, now: datetime) -> list[Slot]:
    zone = ZoneInfo(patient.user.time_zone if patient.user else settings.DEFAULT_PERSON_TIME_ZONE)
    end = min(datetime.combine(until + A_DAY, time(), zone), now + settings.BOOKING_AHEAD)
    return diary.free(rules, from_=_earliest(now), to=end, now=now, patient=patient)


def _earliest(now: datetime) -> datetime:
    return now + settings.BOOKING_NOTICE + TIME_TO_ANSWER


def accept(offer: SlotOffer, *, actor: Actor, now: datetime) -> Consultation:
    """Book the time that was kept. Idempotent because `booking.take` is: what they have then already is what they get.

    Errors: OfferOver; TooManyPlanned, then it stays kept; LedgerUnavailable.
    """
    try:
        return _accept(offer, actor, now)
    except TooManyPlanned:
        raise
    except NotBookable as error:
        pass_on(offer)  # so that the next one may be asked
        raise OfferOver(_("This time is no longer free.")) from error


@transaction.atomic
def _accept(offer: SlotOffer, actor: Actor, now: datetime) -> Consultation:
    entry = WaitingListEntry.objects.select_for_update().get(pk=offer.entry_id)
    # RACE: read again, locked; the sweep or another tab may have ended it.
    standing = SlotOffer.objects.select_for_update().get(pk=offer.pk)
    is_open = standing.status == Offer.OPEN and standing.expires_at > now
    if not is_open and standing.status != Offer.ACCEPTED:
        raise OfferOver(_("This offer is over. The time may have gone to somebody else."))
    consultation = booking.take(
        offer.patient,
        policy.bookable_by(offer.patient),
        clinician=offer.clinician,
        starts_at=offer.starts_at,
        wishes=Wishes(entry.reason, Mode(entry.preferred_mode), entry.adjustments),
        actor=actor,
        now=now,
    )
    if is_open:
        move(standing, Offer.ACCEPTED, transitions=SlotOffer.TRANSITIONS)
        move(entry, Wish.BOOKED, transitions=WaitingListEntry.TRANSITIONS)
    return consultation


def pass_on(offer: SlotOffer) -> None:
    """Let the time go to the next one; its patient keeps waiting for another. Idempotent: one passes once."""
    SlotOffer.objects.filter(pk=offer.pk, status=Offer.OPEN).update(status=Offer.PASSED)


def sweep(*, now: datetime) -> None:
    """End what ran out, then offer what is free, first come first.

    Idempotent because one offer at a time is open for a wish and for a time, which the database keeps.
    """
    SlotOffer.objects.filter(status=Offer.OPEN, expires_at__lte=now).update(status=Offer.LAPSED)
    everywhere_over = (now - A_DAY).date()  # no zone is further behind
    WaitingListEntry.objects.filter(status=Wish.WAITING, until__lt=everywhere_over).update(status=Wish.LAPSED)
    has_offer = Exists(SlotOffer.objects.filter(entry=OuterRef("pk"), status=Offer.OPEN))
    waiting = WaitingListEntry.objects.filter(~has_offer, status=Wish.WAITING, patient__user__is_active=True)
    somewhere = _free_somewhere(waiting, now)
    if not somewhere:  # as a rule: that is why they wait
        return
    for entry in waiting.select_related("patient__user", "clinician").order_by("created_at", "pk"):
        _offer_next(entry, somewhere, now)


def _free_somewhere(waiting: QuerySet[WaitingListEntry], now: datetime) -> set[UUID]:
    """Return which clinicians have anything free before the last of these wishes lapses."""
    last: date | None = waiting.aggregate(last=Max("until"))["last"]
    if last is None:
        return set()
    end = min(datetime.combine(last + 2 * A_DAY, time(), UTC), now + settings.BOOKING_AHEAD)
    return {slot.clinician for slot in diary.free(Availability.objects.all(), from_=_earliest(now), to=end, now=now)}


def _offer_next(entry: WaitingListEntry, somewhere: Collection[UUID], now: datetime) -> None:
    before = set(entry.offers.values_list("clinician", "starts_at"))
    wished = somewhere if entry.clinician_id is None else {entry.clinician_id} & set(somewhere)
    rules = policy.bookable_by(entry.patient).filter(clinician__in=wished)
    free = _free_until(rules, entry.patient, entry.until, now)
    slot = next((slot for slot in free if (slot.clinician, slot.starts_at) not in before), None)
    if slot is None:
        return
    expires_at = min(now + settings.WAITING_LIST_OFFER_LASTS, slot.starts_at - settings.BOOKING_NOTICE)
    try:
        with transaction.atomic():
            offer = SlotOffer.objects.create(
                entry=entry,
                patient=entry.patient,
                clinician_id=slot.clinician,
                starts_at=slot.starts_at,
                ends_at=slot.ends_at,
                offered_at=now,
                expires_at=expires_at,
            )
            letters.post_offered(offer, now=now)
            transaction.on_commit(partial(signals.offered.send_robust, sender=SlotOffer, offer=offer, now=now))
    except IntegrityError:
        return  # RACE: another sweep was faster with this wish or this time; the next one looks again
