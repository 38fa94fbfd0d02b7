"""The leak guard: the last look at recordings before anything of them is shown, by other means than the policy's.

It asks one thing: who sat in the consultation, or whom the patient let watch the replay. Whether that still gives a
right today is the policy's matter, so that an account closed a moment ago is refused and does not look like a leak.
Imports no policy and nothing that does.
"""

import logging
from collections.abc import Collection, Iterable
from dataclasses import InitVar, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection
from django.db.models import DateTimeField, UUIDField
from django.http import Http404

from accounts.models import Viewer
from audit import alerts, ledger
from audit.ledger import Actor, LedgerUnavailable
from audit.models import AlertKind
from consultations.models import Call
from recordings import suspensions
from recordings.models import Recording
from recordings.suspensions import Scope

log = logging.getLogger(__name__)
_SEAL, _ID, _AT = object(), UUIDField(), DateTimeField()
Key = tuple[UUID, UUID, UUID]  # recording, consultation, patient
# SQL of its own: no manager, queryset or join that the policy relies on can be wrong here in the same way.
_OWN = """
SELECT recording.id, consultation.id, consultation.patient_id
FROM consultations_participant place
JOIN consultations_consultation consultation ON consultation.id = place.consultation_id
JOIN patients_patient patient ON patient.id = consultation.patient_id
JOIN patients_clinician clinician ON clinician.id = consultation.clinician_id
JOIN recordings_recording recording ON recording.consultation_id = consultation.id
WHERE place.user_id = %s AND (
    place.role = 'patient' AND patient.user_id = place.user_id
    OR place.role = 'clinician' AND clinician.user_id = place.user_id
) AND recording.id IN ({ids})
"""
# What ended within the last minute may have ended between the policy's answer and this look: the policy's to refuse.
_SHARED = """
SELECT recording.id, consultation.id, consultation.patient_id
FROM recordings_share share
JOIN recordings_recording recording ON recording.id = share.recording_id
JOIN consultations_consultation consultation ON consultation.id = recording.consultation_id
WHERE share.grantee_id = %s AND share.patient_id = consultation.patient_id
AND share.agreed_by_patient_at IS NOT NULL
AND share.expires_at > %s AND (share.revoked_at IS NULL OR share.revoked_at > %s)
AND recording.id IN ({ids})
"""
A_MOMENT = timedelta(minutes=1)
REASON = "The leak guard stopped an answer that held somebody else's recording. Alerts has the ids."
# What staff pages may say of a recording and of its processing: facts, no content and nobody's name.
FACTS = frozenset({
    "id", "status", "reason", "started_at", "duration", "size", "segment_count", "stage", "retain_until", "legal_hold",
    "reason_code", "fault_code",
    "created_at", "attempts", "finished_at", "not_before", "lease_until",
    "reported_at", "reported_by_role", "recording_pk", "line",
    "happened", "happened_at", "account", "state", "outcome",
    "asked_at", "kept_until", "answered_at", "answered_by", "confirmed_at", "confirmed_by", "withdrawn_at",
    "emptied_at",
    "note", "handled_at", "handled_by", "why", "revoked_at", "revoked_by", "ended_at", "ended_by", "give_back",
    "why_back",
})  # fmt: skip


class Leak(Http404):
    """Our own code was about to show somebody else's recording. From outside it looks like nothing."""


class NotAFact(Exception):
    """A staff page asks for something of a recording that is not a fact about it."""


@dataclass(frozen=True)
class Shown:
    """A recording that this viewer may be shown. Only `show` makes one; whatever renders recordings takes these.

    Where it is not their own it is shared with them: the replay, and nothing else of the consultation.
    """

    recording: Recording
    viewer: Viewer
    seal: InitVar[object]
    was_there: bool

    def __post_init__(self, seal: object) -> None:
        # SECURITY: a page builder takes what has been through `show`, never a row that somebody wrapped themselves.
        if seal is not _SEAL:
            raise TypeError("Only guard.show says what may be shown.")

    @property
    def is_own(self) -> bool:
        """Whether they were in it, not a guest of its replay: as the guard found, and as the row says, too."""
        people = {self.recording.patient.user_id, self.recording.clinician.user_id} - {None}
        return self.was_there and self.viewer.pk in people


def show(
    viewer: Viewer, recordings: Iterable[Recording], *, actor: Actor, now: datetime, also_shared: bool = False
) -> list[Shown]:
    """Return the recordings as what may be shown, or raise an alert, pause playback and return nothing.

    With `also_shared` replays that the patient shared with this viewer pass, too; only what shows replays says that.
    Call it outside of transactions: what it writes must stay. Queries: one, however many recordings; one more for
    shares. Errors: Leak.
    """
    at_hand = list(recordings)
    if not at_hand:
        return []
    own = _own(viewer, [recording.pk for recording in at_hand])
    others = [recording for recording in at_hand if _key(recording) not in own]
    shared = _shared(viewer, [recording.pk for recording in others], now) if others and also_shared else set()
    foreign = [recording for recording in others if _key(recording) not in shared]
    if foreign:
        _report(foreign, actor=actor, now=now)
        raise Leak
    return [Shown(recording, viewer, _SEAL, _key(recording) in own) for recording in at_hand]


def _key(recording: Recording) -> Key:
    return recording.pk, recording.consultation_id, recording.patient_id


def _own(viewer: Viewer, ids: Collection[UUID]) -> set[Key]:
    """Return those in whose consultation this viewer was patient or clinician."""
    return _asked(_OWN, viewer, ids)


def _shared(viewer: Viewer, ids: Collection[UUID], now: datetime) -> set[Key]:
    """Return those whose replay the patient agreed to share with this viewer."""
    since = _AT.get_db_prep_value(now - A_MOMENT, connection)
    return _asked(_SHARED, viewer, ids, since, since)


def _asked(sql: str, viewer: Viewer, ids: Collection[UUID], *since: Any) -> set[Key]:
    user, *among = [_ID.get_db_prep_value(value, connection) for value in (viewer.pk, *ids)]
    with connection.cursor() as cursor:
        cursor.execute(sql.format(ids=", ".join(["%s"] * len(ids))), [user, *since, *among])
        return {(UUID(str(row[0])), UUID(str(row[1])), UUID(str(row[2]))) for row in cursor.fetchall()}


def check_call(call: Call, recording: Recording | None, *, now: datetime) -> None:
    """Everybody in a call hears how its recording does; see that it is this call's. Errors: Leak."""
    if recording is None:
        return
    owners = {"patient": recording.patient_id, "consultation__patient": recording.patient_id}
    if not Call.objects.filter(pk=call.pk, recording=recording.pk, **owners).exists():
        _report([recording], actor=ledger.PORTAL, now=now)
        raise Leak


def only_facts(names: Iterable[object]) -> list[object]:
    """Return what a staff page wants to show of recordings, if these are facts alone. Errors: NotAFact."""
    wanted = list(names)
    if strange := set(wanted) - FACTS:
        raise NotAFact(", ".join(sorted(map(str, strange))))
    return wanted


def _report(foreign: list[Recording], *, actor: Actor, now: datetime) -> None:
    """Alert, then pause: the one patient concerned, or everything. Nothing of this may stand in the refusal's way."""
    patients = sorted({recording.patient_id for recording in foreign}, key=str)
    only = patients[0] if len(patients) == 1 else None
    alerts.raise_alert(
        AlertKind.FOREIGN_ROW,
        actor=actor,
        now=now,
        object_type="recording",
        object_id=foreign[0].pk,
        patient=only,
        detail={"recordings": [str(recording.pk) for recording in foreign]},
    )
    scope = Scope.PATIENT if only else Scope.EVERYTHING
    try:
        suspensions.suspend(scope, only, reason=REASON, actor=ledger.PORTAL, now=now)
    except (DatabaseError, LedgerUnavailable):
        log.critical("playback of %s could not be paused", only or "everything", exc_info=True)
