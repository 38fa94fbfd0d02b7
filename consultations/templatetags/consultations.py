"""Panels about consultations that pages of lower apps may place."""

from typing import Any

from django import template
from django.utils import timezone

from consultations import note_pages, pages

register = template.Library()


@register.inclusion_tag("clinic/_consultations_with.html", takes_context=True)
def consultations_with(context: template.Context, patient: Any) -> dict[str, Any]:
    """The clinician's own consultations with this patient by pages, newest first, and how far the note of each is."""
    request, now = context["request"], timezone.now()
    page = pages.held_with(request.user, patient.pk, request.GET.get("page"))
    said = note_pages.state_texts(page)
    rows = [pages.row(request.user, one, now) | {"note_text": said[one.pk]} for one in page]
    return {"rows": rows, "page_obj": page}
