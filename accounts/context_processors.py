"""What every template may know: who looks, and how the clinic is called."""

from django.conf import settings
from django.http import HttpRequest

from accounts.roles import role_of


def known(request: HttpRequest) -> dict[str, str]:
    return {"role": role_of(getattr(request, "user", None)), "clinic_phone": settings.CLINIC_PHONE}
