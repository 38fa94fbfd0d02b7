"""Panels about recordings that pages of lower apps may place."""

from typing import Any

from django import template

from recordings import pages

register = template.Library()


@register.inclusion_tag("consultations/_recording_status.html", takes_context=True)
def recording_status(context: template.Context, consultation: Any) -> dict[str, Any]:
    user = context["request"].user
    return {"consultation": consultation, "status": pages.status_of(user, consultation.pk)}
