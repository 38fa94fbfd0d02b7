"""Panels about recordings that pages of lower apps may place."""

from typing import Any

from django import template
from django.utils import timezone

from audit.ledger import actor_of
from recordings import pages, playback

register = template.Library()
MOST_REPLAYS = 10


@register.inclusion_tag("consultations/_recording_status.html", takes_context=True)
def recording_status(context: template.Context, consultation: Any) -> dict[str, Any]:
    request = context["request"]
    shown = playback.of_consultation(request.user, consultation.pk, actor=actor_of(request), now=timezone.now())
    return {"consultation": consultation, "status": pages.status_of(shown, consultation.pk)}


@register.inclusion_tag("clinic/_replays_of.html", takes_context=True)
def replays_of(context: template.Context, patient: Any) -> dict[str, Any]:
    """The replays of what this clinician held with a patient."""
    request = context["request"]
    shown = playback.replays_of(request.user, patient.pk, MOST_REPLAYS, actor=actor_of(request), now=timezone.now())
    return {"replays": [pages.row(replay) for replay in shown], "are_cut": len(shown) == MOST_REPLAYS}
