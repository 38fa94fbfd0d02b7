"""Response headers that every page needs and that no view may forget."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from audit.ledger import LedgerUnavailable
from audit.refusals import TooManyRefusals
from recordings.playback import Paused

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


# What stops an answer → the page that says so, its status, and after how many seconds to try again if it does not say.
RESTING: dict[type[Exception], tuple[str, int, int]] = {
    LedgerUnavailable: ("503.html", 503, 10),
    Paused: ("recordings/paused.html", 503, 60),
    TooManyRefusals: ("429.html", 429, 60),
}


class FailClosedMiddleware:
    """What cannot be written into the ledger, or is paused, is not shown: the page says that, and nothing else.

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
        for kind, (template, status, retry_after_s) in RESTING.items():
            if isinstance(exception, kind):
                headers = {"Retry-After": str(getattr(exception, "retry_after_s", retry_after_s))}
                return HttpResponse(render_to_string(template, request=request), status=status, headers=headers)
        return None
