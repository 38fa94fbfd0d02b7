"""Panels about consultations that pages of lower apps may place."""

from typing import Any

from django import template
from django.utils import timezone

from consultations import note_pages, pages

register = template.Library()


@register.inclusion_tag("clinic/_consultations_with.html", takes_context=True)
def consultations_with(context: template.Context, patient: Any) -> dict[str, Any]:
    """The clinician's own consultations with this patient, newest first, and how far the note of each is."""
    rows = pages.held_with(context["request"].user, patient.pk, timezone.now())
    said = note_pages.state_texts(row["consultation"] for row in rows)
    return {"rows": [{**row, "note_text": said[row["consultation"].pk]} for row in rows]}
