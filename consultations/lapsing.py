"""What a new call does with answers that were given before it. Part of opening a call."""

import logging
from datetime import datetime

from audit import ledger, spool
from audit.models import Action
from consultations.models import Call, Participant, RecordingConsent
from consultations.wordings import texts_at

log = logging.getLogger(__name__)
NEW_WORDING = "new_wording"


def lapse_old_answers(call: Call, *, now: datetime) -> None:
    """Let a yes to words that are not asked with any more end, so that its giver is asked anew; a no stays.

    Idempotent because what has ended is not in force.
    """
    in_use = {(one.version, one.sha256) for one in texts_at(call.opened_at)}
    in_force = RecordingConsent.objects.filter(participant__consultation=call.consultation_id, withdrawn_at=None)
    for consent in in_force:
        if (consent.wording_version, consent.wording_sha256) not in in_use:
            _lapse(consent, call, now)


def _lapse(consent: RecordingConsent, call: Call, now: datetime) -> None:
    RecordingConsent.objects.filter(pk=consent.pk).update(withdrawn_at=now)
    Participant.objects.filter(pk=consent.participant_id).update(recording=Participant.Recording.UNASKED)
    line = ledger.Line(Action.WITHDREW, "consultation", call.consultation_id, call.patient_id, reason=NEW_WORDING)
    try:
        spool.append_or_spool(ledger.PORTAL, line, now=now)
    except ledger.LedgerUnavailable:
        # The call begins all the same: with less consent less is captured.
        log.critical("consent %s ended with its wording; this stands in no ledger", consent.pk)
