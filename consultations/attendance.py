"""Who did not come: said by the clinician some time after the start, and taken back as long as they still could.

Assumes authorisation.
"""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from consultations import booking, calls, day_letters, signals
from consultations.booking import NotBookable, NotChangeable, What
from consultations.models import Consultation, Participant
from consultations.states import StaleTransition
from consultations.states import move as step


def may_be_missed(consultation: Consultation, *, now: datetime) -> bool:
    """Say whether it is late enough to say that the patient did not come; whether they are there is asked when it is
    said."""
    return consultation.status == Consultation.Status.PLANNED and now >= consultation.starts_at + settings.NO_SHOW_AFTER


def may_be_expected_again(consultation: Consultation, *, now: datetime) -> bool:
    """Say whether a consultation that was missed could still take place."""
    closes_at = consultation.ends_at + settings.CALL_JOIN_CLOSES_AFTER
    return consultation.status == Consultation.Status.NO_SHOW and now <= closes_at


@transaction.atomic
def mark_missed(consultation: Consultation, *, by: User, now: datetime) -> None:
    """Say that the patient did not come. Idempotent: it is missed once.

    Errors: NotChangeable while it is too early, when the patient is there, or when it has begun.
    """
    # RACE: who joins holds the call's row; they come before this or find the consultation closed.
    calls.lock_live(consultation)
    standing = Consultation.objects.select_for_update(of=("self",)).get(pk=consultation.pk)
    if standing.status == Consultation.Status.NO_SHOW:
        return
    if not may_be_missed(standing, now=now):
        raise NotChangeable(_("It is too early to say that, or the consultation has begun or was cancelled."))
    patients = Participant.objects.filter(consultation=standing, role=Participant.Role.PATIENT)
    if any(place.is_present for place in patients):
        raise NotChangeable(_("The patient is in the waiting room."))
    _step(standing, Consultation.Status.NO_SHOW)
    change = booking.write_down(standing, What.MISSED, by=by, why="", now=now)
    day_letters.post_missed(standing, change, now=now)
    booking.tell(signals.missed, standing, now)


@transaction.atomic
def expect_again(consultation: Consultation, *, by: User, now: datetime) -> None:
    """Take back that the patient did not come. Idempotent: what is planned stays so.

    Errors: NotChangeable when its time is over, NotBookable when the clinician has another one then by now.
    """
    standing = Consultation.objects.select_for_update(of=("self",)).get(pk=consultation.pk)
    if standing.status == Consultation.Status.PLANNED:
        return
    if not may_be_expected_again(standing, now=now):
        raise NotChangeable(_("This consultation cannot take place any more. Book another one."))
    try:
        with transaction.atomic():
            _step(standing, Consultation.Status.PLANNED)
    except IntegrityError as error:
        raise NotBookable(_("You have another consultation at that time.")) from error
    change = booking.write_down(standing, What.EXPECTED, by=by, why="", now=now)
    day_letters.post_expected(standing, change, now=now)
    booking.tell(signals.expected, standing, now)


def _step(standing: Consultation, to: Consultation.Status) -> None:
    try:
        step(standing, to, transitions=Consultation.TRANSITIONS)
    except StaleTransition as error:
        raise NotChangeable(_("This consultation cannot be changed any more.")) from error
