"""What pages show of notes: the editor with the signed versions, what the patient was given, what is new."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Viewer
from audit.ledger import LedgerUnavailable, actor_of
from consultations import note_templates, notes, policy
from consultations.models import Consultation, Note
from consultations.note_text import sections

MOST_NEWS = 3


def version(note: Note) -> dict[str, Any]:
    """Shape: one of `versions` in `consultations/_note_versions.html`."""
    return {
        "title": _("Addendum") if note.is_addendum else _("Note"),
        "is_addendum": note.is_addendum,
        "sections": sections(note.text),
        "clinician_name": note.clinician.display_name,
        "signed_at": note.signed_at,
        "shared_at": note.shared_at,
        "share_url": reverse("consultations:share_note", args=[note.pk]),
    }


def editor(request: HttpRequest, consultation: Consultation, *, now: datetime) -> dict[str, Any]:
    """Shape: what `consultations/_note_editor.html` and `_note_versions.html` take. Errors: LedgerUnavailable."""
    written = notes.read(request.user, Q(consultation=consultation), actor=actor_of(request), now=now)
    draft = notes.draft_after(written[-1] if written else None, consultation)
    return {
        "consultation": consultation,
        "draft": draft,
        "text": draft.text,
        "versions": [version(note) for note in written if note.signed_at],
        "note_templates": note_templates.choices(consultation.clinician),
        "most_characters": notes.MOST_CHARACTERS,
    }


def received(request: HttpRequest, consultation: Consultation, *, now: datetime) -> dict[str, Any]:
    """Return what the patient was given of the note. Shape: `versions`, or `note_rests` while nothing may be shown.

    The page around it goes on without the ledger: it leads to the call.
    """
    try:
        shared = notes.read(request.user, Q(consultation=consultation), actor=actor_of(request), now=now)
    except LedgerUnavailable:
        return {"note_rests": True}
    return {"versions": [version(note) for note in shared]}


def news(user: Viewer) -> list[dict[str, Any]]:
    """Return the consultations whose note was shared with this patient last, without any of its words."""
    shared = policy.readable_notes(user).filter(patient__user=user.pk, shared_at__isnull=False)
    newest = shared.select_related("consultation", "clinician__user").defer("text").order_by("-shared_at")
    rows: dict[Any, dict[str, Any]] = {}
    for note in newest[: 3 * MOST_NEWS]:
        url = f"{reverse('consultations:detail', args=[note.consultation_id])}#note"
        facts = {"clinician_name": note.clinician.display_name, "reason": note.consultation.reason, "url": url}
        rows.setdefault(note.consultation_id, {**facts, "shared_at": note.shared_at})
    return list(rows.values())[:MOST_NEWS]


def state_texts(consultations: Iterable[Consultation]) -> dict[UUID, str]:
    """Say in words how far the note of each is, to its clinician, in one query."""
    ids = [consultation.pk for consultation in consultations]
    versions = Note.objects.filter(consultation__in=ids).defer("text").order_by("version")
    newest = {note.consultation_id: note for note in versions}
    return {pk: _how_far(newest.get(pk)) for pk in ids}


def _how_far(newest: Note | None) -> str:
    if newest is None:
        return _("Nothing is written yet.")
    if newest.signed_at is None:
        return _("An addendum is not signed yet.") if newest.is_addendum else _("There is a draft that is not signed.")
    return _("It is signed and shared.") if newest.shared_at else _("It is signed and not shared with the patient.")
