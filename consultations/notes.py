"""The clinician's note: saving, signing, sharing and reading it. Assumes authorisation, but for reading.

Saving never waits for the ledger, since care would; signing, sharing and reading do not happen without their line.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from accounts.models import Viewer
from audit import ledger
from audit.models import Action
from consultations import letters, note_guard, policy
from consultations.models import Consultation, Note

MOST_CHARACTERS = 20_000


class StaleNote(Exception):
    """The note was changed or signed elsewhere meanwhile; nothing was written."""


class NothingToSign(Exception):
    """The draft holds no words."""


def newest_of(consultation: Consultation) -> Note | None:
    return Note.objects.filter(consultation=consultation).order_by("-version").first()


def draft_after(newest: Note | None, consultation: Consultation) -> Note:
    """Return the draft, or a new one that stands nowhere yet: revision 0 of the next version."""
    if newest and newest.signed_at is None:
        return newest
    return Note(
        consultation=consultation,
        patient_id=consultation.patient_id,
        clinician_id=consultation.clinician_id,
        version=newest.version + 1 if newest else 1,
        revision=0,
    )


def save(consultation: Consultation, text: str, *, version: int, revision: int, now: datetime) -> Note:
    """Replace the draft by what somebody wrote who had seen this very revision of this version.

    The same words again write nothing. Errors: StaleNote – another tab was faster, or has signed it.
    """
    draft = draft_after(newest_of(consultation), consultation)
    if (draft.version, draft.revision, draft.text) == (version, revision, text):
        return draft
    if revision == 0:
        return _begin(consultation, text, version=version, now=now)
    # RACE: two tabs; the one that did not see the other's words must not replace them.
    seen = Note.objects.filter(consultation=consultation, version=version, revision=revision, signed_at=None)
    if not seen.update(text=text, revision=F("revision") + 1, saved_at=now):
        raise StaleNote
    return Note.objects.get(consultation=consultation, version=version)


def _begin(consultation: Consultation, text: str, *, version: int, now: datetime) -> Note:
    draft = draft_after(newest_of(consultation), consultation)
    if draft.revision or draft.version != version:
        raise StaleNote
    draft.text, draft.revision, draft.saved_at = text, 1, now
    try:
        with transaction.atomic():
            draft.save(force_insert=True)
    except IntegrityError as error:  # RACE: two tabs began it; the constraints let one
        raise StaleNote from error
    return draft


@transaction.atomic
def sign(consultation: Consultation, *, version: int, revision: int, actor: ledger.Actor, now: datetime) -> Note:
    """Make the draft a version that never changes. What is signed is what this person saw, or nothing.

    Errors: StaleNote, NothingToSign, LedgerUnavailable.
    """
    if revision == 0:
        raise NothingToSign
    seen = Note.objects.filter(consultation=consultation, version=version, revision=revision, signed_at=None)
    if seen.filter(text__regex=r"^\s*$").exists():
        raise NothingToSign
    # RACE: words that arrive between looking and signing are a newer revision, which is not signed.
    if not seen.update(signed_at=now):
        raise StaleNote
    note = Note.objects.get(consultation=consultation, version=version)
    ledger.append(actor, _line(Action.SIGNED, note), now=now)
    return note


@transaction.atomic
def share(note: Note, *, actor: ledger.Actor, now: datetime) -> None:
    """Let the patient read a signed version, for good. Idempotent: the second time writes nothing.

    Errors: StaleNote when it is not signed, LedgerUnavailable.
    """
    if Note.objects.filter(pk=note.pk, signed_at__isnull=False, shared_at=None).update(shared_at=now):
        ledger.append(actor, _line(Action.SHARED, note), now=now)
        letters.post_note_shared(note, now=now)
    elif not Note.objects.filter(pk=note.pk, shared_at__isnull=False).exists():
        raise StaleNote


def read(user: Viewer, which: Q, *, actor: ledger.Actor, now: datetime) -> list[Note]:
    """Return which versions this person may read, oldest first; each reading is in the ledger before this returns.

    Errors: LedgerUnavailable, Http404 from the last look; then nothing may be shown.
    """
    with transaction.atomic():
        readable = policy.readable_notes(user).filter(which).select_related("consultation", "clinician__user")
        notes = list(readable.order_by("consultation__starts_at", "version"))
        if notes:
            ledger.append(actor, *(_line(Action.OPENED, note) for note in notes), now=now)
    note_guard.stop_strangers(user, notes, actor=actor, now=now)
    return notes


def _line(action: Action, note: Note) -> ledger.Line:
    return ledger.Line(action, "note", note.pk, note.patient_id, detail={"version": note.version})
