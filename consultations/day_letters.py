"""What a patient is told of the day itself: that the clinic sent them a message, and that they were missed.

SECURITY: a letter says that there is a message, never its words: a clinician may have written about more than the time.
"""

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from consultations.letters import facts_of, last_change, of_patient, page_of, seen_by
from consultations.models import ClinicMessage, Consultation, ConsultationChange, Participant
from consultations.services import is_expected
from notices import letters, outbox
from notices.letters import Letter
from notices.models import Kind, Notice


def post_told(message: ClinicMessage, *, now: datetime) -> None:
    outbox.post(outbox.notice(Kind.TOLD, message.patient.user_id, message, now=now))


def post_missed(consultation: Consultation, change: ConsultationChange, *, now: datetime) -> None:
    _post(Kind.MISSED, consultation, change, now)


def post_expected(consultation: Consultation, change: ConsultationChange, *, now: datetime) -> None:
    _post(Kind.EXPECTED, consultation, change, now)


def _post(kind: Kind, consultation: Consultation, change: ConsultationChange, now: datetime) -> None:
    outbox.post(outbox.notice(kind, consultation.patient.user_id, consultation, now=now, occasion=change.pk))


def _told(notice: Notice, now: datetime) -> Letter | None:
    """Nothing for what was read on a page meanwhile, nor for all but the last of several."""
    message = ClinicMessage.objects.unread().filter(pk=notice.object_id, patient__user=notice.user_id).first()
    if message is None:
        return None
    later = ClinicMessage.objects.filter(consultation=message.consultation_id, sent_at__gt=message.sent_at)
    if later.exists():
        return None
    consultation = seen_by(notice, message.consultation_id)
    if consultation is None or not is_expected(consultation, now=now):
        return None
    says = _("There is a message for you about your consultation with %(clinician)s on %(when)s. Read it here:")
    subject = _("A message from the clinic")
    return Letter(subject, says % facts_of(consultation), page_of(consultation), consultation.starts_at)


def _missed(notice: Notice, now: datetime) -> Letter | None:
    consultation = of_patient(notice)
    if consultation is None or last_change(notice) is None or consultation.status != Consultation.Status.NO_SHOW:
        return None
    says = _(
        "Your consultation with %(clinician)s on %(when)s did not take place, because you were not there. You can book "
        "another one here:"
    )
    return Letter(_("We missed you"), says % facts_of(consultation), page_of(consultation))


def _expected(notice: Notice, now: datetime) -> Letter | None:
    consultation = of_patient(notice)
    if consultation is None or last_change(notice) is None or not is_expected(consultation, now=now):
        return None
    if any(place.is_present for place in consultation.participants.filter(role=Participant.Role.PATIENT)):
        return None
    says = _("Your consultation with %(clinician)s can take place after all. Come in here:") % facts_of(consultation)
    path = reverse("consultations:call", args=[consultation.pk])
    return Letter(_("You are expected after all"), says, path, now)


for kind, teller in {Kind.TOLD: _told, Kind.MISSED: _missed, Kind.EXPECTED: _expected}.items():
    letters.register(kind, teller)
