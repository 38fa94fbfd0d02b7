"""Who is asking, for the JSON API; denial is the default."""

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
