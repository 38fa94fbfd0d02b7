"""A few words of the clinic to a patient who is expected or waits already. Assumes authorisation."""

from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from consultations import signals
from consultations.booking import NotChangeable
from consultations.models import ClinicMessage, Consultation


def may_be_told(consultation: Consultation, *, now: datetime) -> bool:
    """Say whether its patient is still expected."""
    is_planned = consultation.status == Consultation.Status.PLANNED
    return is_planned and now <= consultation.ends_at + settings.CALL_JOIN_CLOSES_AFTER


@transaction.atomic
def send(consultation: Consultation, text: str, *, by: User, now: datetime) -> ClinicMessage:
    """Write it down; the pages on which the patient waits ask for it. Errors: NotChangeable."""
    standing = Consultation.objects.select_for_update(of=("self",)).get(pk=consultation.pk)
    if not may_be_told(standing, now=now):
        raise NotChangeable(_("The patient is not expected any more, so nothing was sent."))
    message = ClinicMessage.objects.create(
        consultation=standing, patient_id=standing.patient_id, text=text, by=by, sent_at=now
    )
    transaction.on_commit(partial(signals.told.send_robust, sender=ClinicMessage, message=message, now=now))
    return message
