"""A list from one day until another, on the reader's clock: a form of two days beside the lists of both admin sites."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date


class Days(admin.FieldListFilter):
    """A first and a last day, each a field of a form; no day is offered as a link.

    Which years, months and days there are at all is asked of every row, so Django's own links cost more each year.
    """

    template = "admin/days.html"
    FROM, TO = "from", "to"
    OFFERED = frozenset({FROM, TO})

    def expected_parameters(self) -> list[str | None]:
        return [self.FROM, self.TO]

    def choices(self, changelist: Any) -> Any:
        others = {name: value for name, value in changelist.params.items() if name not in self.OFFERED}
        if changelist.query:
            others["q"] = changelist.query
        yield {"from": self._said(self.FROM), "to": self._said(self.TO), "others": others}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if first := _midnight_before(self._said(self.FROM)):
            queryset = queryset.filter(**{f"{self.field_path}__gte": first})
        if end := _midnight_before(self._said(self.TO), days_later=1):
            queryset = queryset.filter(**{f"{self.field_path}__lt": end})
        return queryset

    def _said(self, name: str) -> str:
        said = self.used_parameters.get(name, [""])
        return str(said[-1] if isinstance(said, list) else said)


def _midnight_before(day: str, *, days_later: int = 0) -> datetime | None:
    """Return when a day written like 2026-03-31 begins, or one after it; None for what is no day of the calendar."""
    try:
        if date := parse_date(day):
            return timezone.make_aware(datetime.combine(date + timedelta(days_later), time())).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return None
