"""A few words of the clinic to a patient who is expected or waits already. Assumes authorisation."""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from consultations import day_letters, signals
from consultations.booking import NotChangeable
from consultations.models import ClinicMessage, Consultation, MessageReceipt
from consultations.services import is_expected

PRESSED_TWICE = timedelta(minutes=1)


def sent_to(consultation: Consultation) -> QuerySet[ClinicMessage]:
    return consultation.clinic_messages.select_related("receipt")


@transaction.atomic
def send(consultation: Consultation, text: str, *, by: User, now: datetime) -> ClinicMessage:
    """Write it down; the pages on which the patient waits ask for it.

    Idempotent because the same words of the same person within a minute are one message: a button was pressed twice.
    Locks: the consultation's row. Errors: NotChangeable.
    """
    standing = Consultation.objects.select_for_update(of=("self",)).get(pk=consultation.pk)
    if not is_expected(standing, now=now):
        raise NotChangeable(_("The patient is not expected any more, so nothing was sent."))
    since = now - PRESSED_TWICE
    if sent := ClinicMessage.objects.filter(consultation=standing, text=text, by=by, sent_at__gt=since).first():
        return sent
    message = ClinicMessage.objects.create(
        consultation=standing, patient_id=standing.patient_id, text=text, by=by, sent_at=now
    )
    day_letters.post_told(message, now=now)
    transaction.on_commit(partial(signals.told.send_robust, sender=ClinicMessage, message=message, now=now))
    return message


@transaction.atomic
def mark_read(consultation: Consultation, *, upto: UUID, now: datetime) -> None:
    """Write down that its patient read everything up to this message; one that came since stays unread.

    Idempotent because the database keeps one receipt for each message.
    """
    last = ClinicMessage.objects.filter(consultation=consultation, pk=upto).first()
    if last is None:
        return
    seen = ClinicMessage.objects.unread().filter(consultation=consultation, sent_at__lte=last.sent_at)
    receipts = [MessageReceipt(message=one, patient_id=one.patient_id, read_at=now) for one in seen]
    MessageReceipt.objects.bulk_create(receipts, ignore_conflicts=True)
