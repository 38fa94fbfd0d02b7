"""A clinician's week: hours, what is planned in them, time off."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.models import Viewer
from accounts.sites import clinic_site
from consultations import pages, policy
from consultations.models import Consultation
from consultations.schedule import Availability, TimeOff

A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)
OFF_THE_LIST = (Consultation.Status.CANCELLED, Consultation.Status.NO_SHOW)


@require_safe
def week(request: HttpRequest) -> HttpResponse:
    """The week of the day in the address, this one without."""
    now = timezone.now()
    monday = _monday(request.GET.get("day", ""), timezone.localdate(now))
    context = {
        **clinic_site.each_context(request),
        "title": _("Your week"),
        "days": days(request.user, monday, now=now),
        "before": monday - A_WEEK,
        "after": monday + A_WEEK,
        "today": timezone.localdate(now),
        "monday": monday,
        "sunday": monday + A_WEEK - A_DAY,
    }
    return TemplateResponse(request, "clinic/week.html", context)


def _monday(asked: str, today: date) -> date:
    try:
        day = date.fromisoformat(asked)
        return day - A_DAY * day.weekday() if date.min + A_WEEK < day < date.max - 2 * A_WEEK else _monday("", today)
    except ValueError:
        return today - A_DAY * today.weekday()


def days(viewer: Viewer, monday: date, *, now: datetime) -> list[dict[str, Any]]:
    """Return seven days in the clinician's own zone. Shape: `date`, `hours`, `off`, `rows` as in `pages.row`.

    Queries: four, however much there is.
    """
    zone = timezone.get_current_timezone()
    midnights = [datetime.combine(monday + A_DAY * n, time(), zone) for n in range(8)]
    own = policy.visible_to(viewer).filter(clinician__user=viewer.pk).exclude(status__in=OFF_THE_LIST)
    planned = own.filter(starts_at__gte=midnights[0], starts_at__lt=midnights[7]).order_by("starts_at")
    rows = [
        pages.row(viewer, consultation, now)
        for consultation in planned.select_related("patient", "clinician__user").prefetch_related("participants")
    ]
    off = list(TimeOff.objects.filter(clinician__user=viewer.pk, starts_at__lt=midnights[7], ends_at__gt=midnights[0]))
    rules = list(_rules(viewer, monday))
    return [
        {
            "date": begin.date(),
            "hours": [rule for rule in rules if _holds_on(rule, begin.date())],
            "off": [one for one in off if one.starts_at < end and one.ends_at > begin],
            "rows": [row for row in rows if begin <= row["starts_at"] < end],
        }
        for begin, end in zip(midnights, midnights[1:], strict=False)
    ]


def _rules(viewer: Viewer, monday: date) -> Any:
    begun = Availability.objects.filter(clinician__user=viewer.pk, valid_from__lt=monday + A_WEEK)
    return begun.filter(Q(valid_until=None) | Q(valid_until__gte=monday)).order_by("weekday", "starts")


def _holds_on(rule: Availability, day: date) -> bool:
    """Say whether a rule holds on a day of its own zone; hours are shown as they were said."""
    is_over = rule.valid_until is not None and rule.valid_until < day
    return int(rule.weekday) == day.isoweekday() and rule.valid_from <= day and not is_over
