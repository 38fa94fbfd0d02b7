"""Response headers that every page needs and that no view may forget."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from audit.ledger import LedgerUnavailable
from audit.refusals import TooManyRefusals

PERMISSIONS_POLICY = (
    "camera=(self), microphone=(self), screen-wake-lock=(self), display-capture=(), geolocation=(), payment=(), usb=()"
)


def add_safe_headers(response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    # SECURITY: whatever a view renders may be personal; a shared computer's cache must not keep it.
    response.headers.setdefault("Cache-Control", "private, no-store")
    return response


class SafeHeadersMiddleware:
    """Stands below ServeStatic, so hashed static files keep their long cache life."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if iscoroutinefunction(self):
            return self._acall(request)  # type: ignore[attr-defined]
        return add_safe_headers(self.get_response(request))  # type: ignore[arg-type]

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        return add_safe_headers(await self.get_response(request))  # type: ignore[misc]


class FailClosedMiddleware:
    """What cannot be written into the ledger is not shown: the page says that it rests, and nothing else.

    Whoever tries one address after the other is told to wait, whatever lies behind them.
    """

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, TooManyRefusals):
            response = render(request, "429.html", status=429)
            response["Retry-After"] = str(exception.retry_after_s)
            return response
        if not isinstance(exception, LedgerUnavailable):
            return None
        response = render(request, "503.html", status=503)
        response["Retry-After"] = "10"
        return response
