"""Pages of figures and explanations for staff: how busy it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from consultations import figures as day_figures
from consultations.figures import Spread
from recordings import figures as recording_figures
from telehealth.charts import Chart, Series, bars, columns

DAYS = 28
Draw = Callable[[Sequence[str], Sequence[Series]], Chart]


@dataclass(frozen=True)
class Figure:
    """A picture, and the same as a table: its heads and its rows."""

    id: str
    title: str
    series: Sequence[Series]
    chart: Chart
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]

    @property
    def is_empty(self) -> bool:
        return not any(figure for one in self.series for figure in one.figures)


def page(request: HttpRequest, right: str, template: str, title: str, **facts: Any) -> HttpResponse:
    if not request.user.has_perm(right):
        raise PermissionDenied
    context = {**admin.site.each_context(request), "title": title, **facts}
    return TemplateResponse(request, f"admin/{template}.html", context)


@require_safe
def figures(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    days = day_figures.per_day(now, DAYS)
    labels = [date_format(day.day, "j M") for day in days]
    held = [
        Series("first", _("held"), [day.held for day in days]),
        Series("second", _("cancelled or did not take place"), [day.not_held for day in days]),
    ]
    states = recording_figures.by_state()
    counted = [Series("first", _("recordings"), [n for _label, n in states])]
    preparing = recording_figures.preparing_per_day(now, DAYS)
    drawn = [
        _figure("consultations", _("Consultations a day"), _("Day"), labels, held),
        _figure("waiting", _("Minutes in the waiting room"), _("Day"), labels, _spreads([d.waited for d in days], 60)),
        _figure("recordings", _("Recordings by state"), _("State"), [label for label, _n in states], counted, bars),
        _figure(
            "preparing", _("Seconds until a replay was ready"), _("Day"), labels,
            _spreads([took for _day, took in preparing], 1),
        ),
    ]  # fmt: skip
    return page(request, "recordings.view_recording", "figures", _("Figures"), figures=drawn, days=DAYS)


def _figure(
    id_: str, title: str, what: str, labels: Sequence[str], series: Sequence[Series], draw: Draw = columns
) -> Figure:
    rows = [
        [label, *("–" if one.figures[n] is None else one.figures[n] for one in series)]
        for n, label in enumerate(labels)
    ]
    return Figure(id_, title, series, draw(labels, series), [what, *(one.name for one in series)], rows)


def _spreads(spreads: Sequence[Spread], unit_s: int) -> list[Series]:
    def in_units(seconds: int | None) -> int | None:
        return None if seconds is None else round(seconds / unit_s)

    return [
        Series("first", _("half of them at most"), [in_units(one.median_s) for one in spreads]),
        Series("second", _("nine of ten at most"), [in_units(one.most_s) for one in spreads]),
    ]
