"""Writing, signing and sharing a note. A form, or JSON for the tab that saves by itself."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.sites import clinic_site
from audit import refusals
from audit.ledger import actor_of
from consultations import beside, note_pages, note_templates, notes, policy
from consultations.models import Consultation, Note
from consultations.note_forms import NoteForm
from consultations.notes import NothingToSign, StaleNote


@require_safe
@login_required
def beside_call(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The patient's summary and the note, for the clinician in the call."""
    with refusals.noted(request, "consultation", pk):
        consultation = policy.get_held_or_404(request.user, pk)
    now = timezone.now()
    context = note_pages.editor(request, consultation, now=now) | beside.summary(request, consultation, now=now)
    return render(request, "consultations/_beside.html", context)


@require_POST
@login_required
def write(request: HttpRequest, pk: UUID) -> HttpResponse:
    with refusals.noted(request, "consultation", pk):
        consultation = policy.get_held_or_404(request.user, pk)
    now, form = timezone.now(), NoteForm(request.POST)
    if not form.is_valid():
        return _not_taken(request, consultation, form, now, status=400)
    try:
        note = _do(request, consultation, form.cleaned_data, now)
    except StaleNote:
        return _not_taken(request, consultation, form, now, status=409)
    except NothingToSign:
        messages.warning(request, _("There is nothing to sign yet. Write the note first."))
        return redirect(_page(consultation))
    return JsonResponse(_saved(note)) if _is_from_script(request) else redirect(_page(consultation))


def _do(request: HttpRequest, consultation: Consultation, said: dict[str, Any], now: datetime) -> Note:
    """Save what was sent, or a template in its place; then sign it, if that was asked.

    The draft stays saved when it cannot be signed. Errors: StaleNote, NothingToSign, LedgerUnavailable.
    """
    text, seen = said["text"], {"version": said["version"], "revision": said["revision"]}
    if said["do"] == "fill":
        template = note_templates.text_of(consultation.clinician, said["template"])
        if text.strip() and template:
            messages.warning(request, _("The note has words already, so the template was not used."))
        text = text if text.strip() else template or text
    note = notes.save(consultation, text, **seen, now=now)
    if said["do"] == "sign":
        seen["revision"] = note.revision
        note = notes.sign(consultation, **seen, actor=actor_of(request), now=now)
        messages.success(request, _("It is signed. It is not shared with the patient yet."))
    elif said["do"] == "save" and not _is_from_script(request):
        messages.success(request, _("The draft is saved."))
    return note


def _saved(note: Note) -> dict[str, Any]:
    """Shape: what static/js/note/saver.js takes for a saved draft."""
    return {"version": note.version, "revision": note.revision}


def _not_taken(
    request: HttpRequest, consultation: Consultation, form: NoteForm, now: datetime, *, status: int
) -> HttpResponse:
    """Show what was sent and what stands, side by side; nothing typed is lost and nothing is overwritten."""
    context = note_pages.editor(request, consultation, now=now)
    draft = context["draft"]
    if _is_from_script(request):
        is_signed = draft.revision == 0 and draft.version > 1
        return JsonResponse({**_saved(draft), "text": draft.text, "signed": is_signed}, status=status)
    context |= {
        "other": draft if status == 409 else None,
        "text": request.POST.get("text", ""),
        "errors": form.errors.get("text", []),
        "title": _("Note"),
    }
    return render(request, "clinic/note.html", {**clinic_site.each_context(request), **context}, status=status)


def _is_from_script(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


def _page(consultation: Consultation) -> str:
    return f"{reverse('clinic:consultations_consultation_change', args=[consultation.pk])}#note"


@require_POST
@login_required
def share(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let the patient read one signed version."""
    with refusals.noted(request, "note", pk):
        note = policy.get_written_or_404(request.user, pk)
    notes.share(note, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("The patient can read it now."))
    return redirect(_page(note.consultation))
