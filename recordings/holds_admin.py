"""Administrators put a recording under legal hold and lift it, on a page of facts."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.ledger import actor_of
from recordings import holds
from recordings.facts_only import note_facts
from recordings.guard import only_facts
from recordings.holds import CannotHold, Why
from recordings.models import LegalHold, Recording


class NoteForm(forms.Form):
    note = forms.CharField(
        label=_("Note"),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=2000,
        help_text=_("Who asked, and where that is written. Words for colleagues; no names of patients."),
    )


class HoldForm(NoteForm):
    why = forms.ChoiceField(
        label=_("Why it must be kept"),
        choices=Why.choices,
        widget=forms.RadioSelect,
        help_text=_("Both people of the consultation read this."),
    )
    field_order = ("why", "note")


def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    if not request.user.has_perm(holds.RIGHT):
        raise PermissionDenied
    recording = get_object_or_404(Recording, pk=pk)
    standing = holds.standing(pk)
    form = (NoteForm if standing else HoldForm)(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            _act(request, pk, form.cleaned_data, is_lifting=standing is not None)
            return redirect("admin:recordings_recording_change", pk)
        except CannotHold as refusal:
            form.add_error(None, str(refusal))
    note_facts(request, pk, recording.patient_id, "legalhold")
    context = {
        **admin.site.each_context(request),
        "title": _("Legal hold"),
        "opts": Recording._meta,
        "facts": _facts(recording),
        "standing": standing,
        "lifted": LegalHold.objects.filter(recording=pk, lifted_at__isnull=False).order_by("-lifted_at"),
        "form": form,
    }
    return TemplateResponse(request, "admin/recordings/recording/hold.html", context)


def _facts(recording: Recording) -> dict[str, Any]:
    facts = {name: getattr(recording, name) for name in ("id", "started_at", "retain_until")}
    facts["status"] = recording.get_status_display()
    only_facts(facts)
    return facts


def _act(request: HttpRequest, pk: UUID, said: dict[str, str], *, is_lifting: bool) -> None:
    """Errors: CannotHold."""
    who: dict[str, Any] = {"by": request.user, "actor": actor_of(request), "now": timezone.now()}
    if is_lifting:
        holds.lift(pk, note=said["note"], **who)
        messages.success(request, _("The legal hold is lifted. The recording ends on its day."))
    else:
        holds.put(pk, why=Why(said["why"]), note=said["note"], **who)
        messages.success(request, _("It is under a legal hold now. Nothing deletes it until that is lifted."))
