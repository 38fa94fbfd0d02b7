"""What every template may know about the person looking."""

from django.http import HttpRequest

from accounts.roles import role_of


def role(request: HttpRequest) -> dict[str, str]:
    return {"role": role_of(getattr(request, "user", None))}
