"""Who is asking, for the JSON API; denial is the default."""

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, permissions
from rest_framework.request import Request


class SessionAuthentication(authentication.SessionAuthentication):
    """Session and CSRF; answers 401 to somebody who is not signed in, whatever they asked for."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"


class DenyUnlessTheViewSays(permissions.BasePermission):
    """The default of every API view: no. A view names who may use it."""

    def has_permission(self, request: Request, view: object) -> bool:
        return False


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[misc,no-untyped-call]
    """How the API's schema names this way of signing in."""

    target_class = "accounts.api.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
