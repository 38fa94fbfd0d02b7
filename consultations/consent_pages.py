"""What pages show of somebody's own answer about recording, before the call."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import Viewer
from consultations.models import Consultation, Participant
from consultations.services import is_expected
from consultations.wordings import asked_with

Said = Participant.Recording
WORDS = {
    Said.ALLOWED: _("You allow recording, sound and pictures."),
    Said.ALLOWED_AUDIO: _("You allow recording, sound only. Your consultation is never recorded with pictures."),
    Said.DECLINED: _("You do not want a recording. The consultation is the same without it."),
    Said.WITHDRAWN: _("You stopped the recording. Nothing is recorded unless you allow it again."),
}


def answer_of(user: Viewer, consultation: Consultation, *, now: datetime) -> dict[str, Any] | None:
    """Return what somebody with a place has answered; None when there is nothing to answer any more.

    Shape: `said` is the answer or empty, `text` says it in words; `wording` is what they are asked with.
    """
    place = next((one for one in consultation.participants.all() if one.user_id == user.pk), None)
    if place is None or not is_expected(consultation, now=now):
        return None
    said = Said(place.recording)
    return {
        "said": "" if said == Said.UNASKED else said.value,
        "text": str(WORDS.get(said, "")),
        "wording": asked_with(consultation.pk, now=now),
    }
