"""Shows times in the zone of the person looking, on every surface."""

import zoneinfo
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

Next = Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]


class PersonsTimeZoneMiddleware:
    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if iscoroutinefunction(self):
            return self._acall(request)  # type: ignore[attr-defined]
        with timezone.override(_zone(request.user)):
            return self.get_response(request)

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone(await request.auser())):  # type: ignore[attr-defined]
            return await self.get_response(request)  # type: ignore[misc]


def _zone(user: object) -> zoneinfo.ZoneInfo | None:
    name = getattr(user, "time_zone", "")
    return zoneinfo.ZoneInfo(name) if name else None
