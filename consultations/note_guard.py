"""The last look before a note's words leave: by the places people had, not by the keys that the policy compares."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.http import Http404

from accounts.models import Viewer
from audit import alerts
from audit.ledger import Actor
from audit.models import AlertKind
from consultations.models import Note, Participant

Place = tuple[UUID, UUID, str]  # consultation, patient, role


def stop_strangers(viewer: Viewer, notes: Sequence[Note], *, actor: Actor, now: datetime) -> None:
    """Raise an alert and show nothing at all if one of these is not this viewer's. Call it outside of a transaction.

    Errors: Http404 – from outside it looks like nothing.
    """
    places: set[Place] = set(
        Participant.objects.filter(
            user=viewer.pk, consultation__in=[note.consultation_id for note in notes]
        ).values_list("consultation", "patient", "role")
    )
    foreign = [note for note in notes if not _is_for(note, places)]
    for note in foreign:
        alerts.raise_alert(
            AlertKind.FOREIGN_ROW, actor=actor, now=now, object_type="note", object_id=note.pk, patient=note.patient_id
        )
    if foreign:
        raise Http404


def _is_for(note: Note, places: set[Place]) -> bool:
    wrote = (note.consultation_id, note.patient_id, Participant.Role.CLINICIAN.value) in places
    is_given = note.signed_at is not None and note.shared_at is not None
    return wrote or (is_given and (note.consultation_id, note.patient_id, Participant.Role.PATIENT.value) in places)
