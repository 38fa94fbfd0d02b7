"""Speaks to the person looking in their language, and shows times in their zone, on every surface."""

import zoneinfo
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

Next = Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]


class LanguageAndTimeZoneMiddleware:
    """Who is not signed in is answered in their browser's language, as Django's LocaleMiddleware found it."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if iscoroutinefunction(self):
            return self._acall(request)  # type: ignore[attr-defined]
        with _as_chosen_by(request.user):
            return _said(self.get_response(request))  # type: ignore[arg-type]

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        with _as_chosen_by(await request.auser()):  # type: ignore[attr-defined]
            return _said(await self.get_response(request))  # type: ignore[misc]


@contextmanager
def _as_chosen_by(user: object) -> Iterator[None]:
    zone, language = getattr(user, "time_zone", ""), getattr(user, "language", "") or translation.get_language()
    with timezone.override(zoneinfo.ZoneInfo(zone) if zone else None), translation.override(language):
        yield


def _said(response: HttpResponse) -> HttpResponse:
    """LocaleMiddleware would say the browser's language, which it knows alone."""
    response.headers.setdefault("Content-Language", translation.get_language() or "")
    return response
