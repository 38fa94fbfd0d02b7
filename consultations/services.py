"""When a consultation's call is open, and until when its patient is expected."""

from datetime import datetime

from django.conf import settings

from consultations.models import Consultation


def may_be_joined(consultation: Consultation, *, now: datetime) -> bool:
    """Say whether the call page opens: from a quarter of an hour before the start until an hour after the end."""
    if consultation.status not in (Consultation.Status.PLANNED, Consultation.Status.IN_PROGRESS):
        return False
    opens = consultation.starts_at - settings.CALL_JOIN_OPENS_BEFORE
    return opens <= now <= consultation.ends_at + settings.CALL_JOIN_CLOSES_AFTER


def is_expected(consultation: Consultation, *, now: datetime) -> bool:
    """Say whether its patient is still expected."""
    is_planned = consultation.status == Consultation.Status.PLANNED
    return is_planned and now <= consultation.ends_at + settings.CALL_JOIN_CLOSES_AFTER
