"""What somebody is here: their role and the surface it lands on. Knows no models of other apps."""

from typing import Literal

from django.core.exceptions import ObjectDoesNotExist

from accounts.models import User

Role = Literal["patient", "clinician", "staff", ""]


def _has_profile(user: User, name: str) -> bool:
    try:
        profile = getattr(user, name)
    except (AttributeError, ObjectDoesNotExist):
        return False
    return getattr(profile, "is_active", True)


def role_of(user: object) -> Role:
    """Return the role that decides the surface; profiles are one-to-one rows of upper apps."""
    if not isinstance(user, User) or not user.is_active:
        return ""
    if _has_profile(user, "clinician"):
        return "clinician"
    if user.is_staff:
        return "staff"
    return "patient" if _has_profile(user, "patient") else ""


# Whoever is none of them may have been invited to watch a replay.
LANDING = {"clinician": "clinic:index", "staff": "admin:index", "patient": "home", "": "recordings:list"}
