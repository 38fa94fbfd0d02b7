"""Booking: plans, moves and cancels consultations. The only writer of when one takes place; the database decides who
was first.

Everything but `take` and `is_changeable` assumes authorisation and asks no rules of working hours: staff plan whenever
the clinician is free, and as much as is needed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from consultations import calls, care, diary, letters, policy, signals
from consultations.models import Consultation, ConsultationChange, FollowUp, Mode, Participant
from consultations.schedule import Availability
from consultations.slots import Slot
from consultations.states import StaleTransition
from consultations.states import move as step
from patients.models import Clinician, Patient
from patients.services import begin_care

What = ConsultationChange.What
CHANGEABLE = (Consultation.Status.REQUESTED, Consultation.Status.PLANNED)


class NotBookable(Exception):
    """It cannot be then, or not any more; the text is a sentence for the person."""


class TooManyPlanned(NotBookable):
    """This patient has as many consultations ahead of them as one may book."""


class NotChangeable(Exception):
    """It has begun, is over or cancelled, or it is too late; the text is a sentence for the person."""


@dataclass(frozen=True)
class Wishes:
    """What a patient says about a consultation when it is booked."""

    reason: str
    preferred_mode: Mode = Mode.AUDIO
    adjustments: str = ""


@transaction.atomic
def book(
    patient: Patient,
    clinician: Clinician,
    *,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    now: datetime,
    preferred_mode: Mode = Mode.AUDIO,
    adjustments: str = "",
) -> Consultation:
    """Plan a consultation, give both people their place and their grants, begin care.

    Errors: NotBookable – the database refuses a second consultation of a clinician at the same time.
    """
    if patient.user is None:
        raise NotBookable(_("The patient needs a sign-in before a call can be booked."))
    care.lock(clinician)
    try:
        with transaction.atomic():
            consultation = Consultation.objects.create(
                patient=patient,
                clinician=clinician,
                starts_at=starts_at,
                ends_at=ends_at,
                reason=reason,
                preferred_mode=preferred_mode,
                adjustments=adjustments,
                created_at=now,
            )
    except IntegrityError as error:
        raise NotBookable(_("The clinician has another consultation at that time.")) from error
    for user, role in ((patient.user, Participant.Role.PATIENT), (clinician.user, Participant.Role.CLINICIAN)):
        policy.grant_place(Participant.objects.create(consultation=consultation, patient=patient, user=user, role=role))
    begin_care(patient, clinician, why=care.BEGUN_BY_BOOKING, now=now)
    letters.post_booked(consultation, now=now)
    tell(signals.booked, consultation, now)
    return consultation


def take(
    patient: Patient,
    rules: QuerySet[Availability],
    *,
    clinician: Clinician,
    starts_at: datetime,
    wishes: Wishes,
    actor: Actor,
    now: datetime,
) -> Consultation:
    """Book one free slot of `rules`, the hours this patient may have.

    Idempotent because what they have with this clinician at that time already is what they get.
    Errors: NotBookable, TooManyPlanned, LedgerUnavailable; nothing is booked then.
    """
    try:
        return _take(patient, rules, clinician, starts_at, wishes, actor, now)
    except NotBookable:
        # RACE: the same press twice at once; the second insert is refused because of the first.
        standing = planned_then(patient, clinician, starts_at)
        if standing is None:
            raise
        return standing


def planned_then(patient: Patient, clinician: Clinician, starts_at: datetime) -> Consultation | None:
    """Return what this patient has with this clinician at that very time."""
    own = Consultation.objects.filter(patient=patient, clinician=clinician, status__in=diary.TAKES_TIME)
    return own.filter(starts_at=starts_at).first()


@transaction.atomic
def _take(
    patient: Patient,
    rules: QuerySet[Availability],
    clinician: Clinician,
    starts_at: datetime,
    wishes: Wishes,
    actor: Actor,
    now: datetime,
) -> Consultation:
    slot = free_slot(rules.filter(clinician=clinician), starts_at, patient=patient, now=now)
    ahead = Consultation.objects.filter(patient=patient, status__in=CHANGEABLE, starts_at__gt=now).count()
    if ahead >= settings.BOOKING_MOST_AHEAD:
        raise TooManyPlanned(
            _("You have %(n)d consultations planned, which is the most. Cancel one, then book another.") % {"n": ahead}
        )
    return plan(patient, slot, clinician=clinician, wishes=wishes, actor=actor, now=now)


@transaction.atomic
def plan(
    patient: Patient, slot: Slot, *, clinician: Clinician, wishes: Wishes, actor: Actor, now: datetime
) -> Consultation:
    """Book on the clinic's word: any time to come at which the clinician is free, with a line of the ledger.

    Idempotent as `take` is. Errors: NotBookable, LedgerUnavailable.
    """
    care.lock(clinician)
    if standing := planned_then(patient, clinician, slot.starts_at):
        return standing
    _demand_ahead(slot.starts_at, now)
    consultation = book(
        patient,
        clinician,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        reason=wishes.reason,
        preferred_mode=wishes.preferred_mode,
        adjustments=wishes.adjustments,
        now=now,
    )
    ledger.append(actor, Line(Action.GRANTED, "consultation", consultation.pk, patient.pk, reason="booked"), now=now)
    return consultation


def free_slot(
    rules: QuerySet[Availability],
    starts_at: datetime,
    *,
    patient: Patient,
    now: datetime,
    besides: Consultation | None = None,
    notice: timedelta | None = None,
) -> Slot:
    """Return the slot that starts then; `besides` is what is to be moved there, `notice` as in `diary.free`.

    Errors: NotBookable.
    """
    until = min(starts_at + diary.AN_INSTANT, now + settings.BOOKING_AHEAD)
    slots = diary.free(rules, from_=starts_at, to=until, now=now, patient=patient, besides=besides, notice=notice)
    if not slots or slots[0].starts_at != starts_at:
        raise NotBookable(_("This time is no longer free."))
    return slots[0]


@transaction.atomic
def move(
    consultation: Consultation, *, starts_at: datetime, ends_at: datetime, by: User | None, now: datetime, why: str = ""
) -> None:
    """Let a consultation take place at another time; who takes part stays. Idempotent: one that is then already stays.

    Errors: NotBookable when that is over or the clinician has another one then, NotChangeable when it has begun or was
    cancelled.
    """
    care.lock(consultation.clinician)
    call = calls.lock_live(consultation)
    standing = Consultation.objects.select_for_update(of=("self",)).get(pk=consultation.pk)
    if standing.status not in CHANGEABLE:
        raise NotChangeable(_("This consultation cannot be changed any more."))
    if (standing.starts_at, standing.ends_at) == (starts_at, ends_at):
        return
    _demand_ahead(starts_at, now)
    try:
        with transaction.atomic():
            Consultation.objects.filter(pk=standing.pk).update(starts_at=starts_at, ends_at=ends_at)
    except IntegrityError as error:
        raise NotBookable(_("The clinician has another consultation at that time.")) from error
    change = write_down(standing, What.MOVED, by=by, why=why, now=now)
    if call is not None:
        calls.end(call.pk, reason=calls.NOT_STARTED, now=now)
    consultation.starts_at, consultation.ends_at = starts_at, ends_at
    letters.post_changed(consultation, change, now=now)
    tell(signals.moved, consultation, now)


@transaction.atomic
def hand_over(
    consultation: Consultation, *, to: Clinician, slot: Slot, by: User, why: str, actor: Actor, now: datetime
) -> Consultation:
    """Let another clinician hold it: a new consultation with all the patient said, and the old one called off.

    Whose consultation one is never changes, and with it who may see what was said there. Who was to hold the old one
    loses their place in it, and the care that nothing but bookings began.
    Errors: NotBookable, NotChangeable, LedgerUnavailable; nothing has changed then.
    """
    care.lock(consultation.clinician, to)
    calls.lock_live(consultation)
    # RACE: of two who hand it over at once the second finds it cancelled.
    standing = Consultation.objects.with_people().select_for_update(of=("self",)).get(pk=consultation.pk)
    if standing.status not in CHANGEABLE:
        raise NotChangeable(_("This consultation cannot be changed any more."))
    made = book(
        standing.patient,
        to,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        reason=standing.reason,
        preferred_mode=Mode(standing.preferred_mode),
        adjustments=standing.adjustments,
        now=now,
    )
    if follows := FollowUp.objects.filter(next=standing).first():
        FollowUp.objects.create(consultation_id=follows.consultation_id, next=made, patient_id=made.patient_id)
    place = Participant.objects.select_related("user").get(consultation=standing, role=Participant.Role.CLINICIAN)
    policy.withdraw_place(place, now=now)
    reason, taken = "handed_over", {"from": str(place.user_id)}
    ledger.append(
        actor,
        Line(Action.GRANTED, "consultation", made.pk, made.patient_id, reason),
        Line(Action.REVOKED, "consultation", standing.pk, standing.patient_id, reason, taken),
        now=now,
    )
    _call_off(standing, by=by, why=why, reason=reason, actor=actor, now=now)
    return made


@transaction.atomic
def cancel(consultation: Consultation, *, by: User | None, actor: Actor, now: datetime, why: str = "") -> None:
    """Call a consultation off; both people still see that it was planned. Idempotent: it is cancelled once.

    Errors: NotChangeable when it has begun or is over, LedgerUnavailable.
    """
    care.lock(consultation.clinician)
    _call_off(consultation, by=by, why=why, reason="cancelled", actor=actor, now=now)
    consultation.status = Consultation.Status.CANCELLED


def _call_off(
    consultation: Consultation, *, by: User | None, why: str, reason: str, actor: Actor, now: datetime
) -> None:
    call = calls.lock_live(consultation)
    standing = Consultation.objects.with_people().select_for_update(of=("self",)).get(pk=consultation.pk)
    if standing.status == Consultation.Status.CANCELLED:
        return
    try:
        step(standing, Consultation.Status.CANCELLED, transitions=Consultation.TRANSITIONS)
    except StaleTransition as error:
        raise NotChangeable(_("This consultation cannot be changed any more.")) from error
    change = write_down(standing, What.CANCELLED, by=by, why=why, now=now)
    if call is not None:
        calls.end(call.pk, reason=calls.NOT_STARTED, now=now)
    care.end_if_nothing_is_left(standing, why=reason, actor=actor, now=now)
    letters.post_changed(standing, change, now=now)
    tell(signals.cancelled, standing, now)


@transaction.atomic
def change_needs(consultation: Consultation, needs: str, *, by: User | None, now: datetime) -> None:
    """Say what makes it easier for the patient, until it begins. Idempotent: the same words again write nothing.

    Errors: NotChangeable when it has begun, is over or cancelled.
    """
    standing = Consultation.objects.select_for_update(of=("self",)).get(pk=consultation.pk)
    if not may_still_need(standing, now=now):
        raise NotChangeable(_("This consultation cannot be changed any more."))
    if standing.adjustments == needs:
        return
    Consultation.objects.filter(pk=standing.pk).update(adjustments=needs)
    consultation.adjustments = needs
    write_down(standing, What.NEEDS, by=by, why="", now=now)


def _demand_ahead(starts_at: datetime, now: datetime) -> None:
    """Errors: NotBookable. People type whole minutes: the present one will do."""
    if starts_at < now.replace(second=0, microsecond=0):
        raise NotBookable(_("This time is over. Choose one that is still to come."))


def may_still_need(consultation: Consultation, *, now: datetime) -> bool:
    """Say whether its patient may still say what makes it easier for them."""
    return consultation.status in CHANGEABLE and now < consultation.ends_at


def is_changeable(consultation: Consultation, *, now: datetime) -> bool:
    """Say whether its patient may still move or cancel it themselves."""
    return consultation.status in CHANGEABLE and now <= consultation.starts_at - settings.BOOKING_CHANGES_UNTIL_BEFORE


def write_down(standing: Consultation, what: What, *, by: User | None, why: str, now: datetime) -> ConsultationChange:
    return ConsultationChange.objects.create(
        consultation=standing, patient_id=standing.patient_id, what=what, why=why, by=by, at=now, was=standing.starts_at
    )


def tell(signal: signals.Signal, consultation: Consultation, now: datetime) -> None:
    send = partial(signal.send_robust, sender=Consultation, consultation=consultation, now=now)
    transaction.on_commit(send)
