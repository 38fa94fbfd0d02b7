"""The day's reminder comes at the same time by the person's clock, once, also where clocks change in between."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from consultations import reminders
from consultations.models import Consultation
from consultations.reminders import day_before
from notices.models import Kind, Notice
from tests.cast import FIFTEEN, Cast

LONDON, SANTIAGO, A_SECOND = "Europe/London", "America/Santiago", timedelta(seconds=1)
# zone, start by the clock on the wall, hours from reminder to start
STARTS = {
    "London, an ordinary day": (LONDON, (2027, 2, 10, 9, 30), 24),
    "London, clocks go forward": (LONDON, (2027, 3, 28, 9, 30), 23),
    "London, the day after": (LONDON, (2027, 3, 29, 9, 30), 24),
    "London, clocks go back": (LONDON, (2027, 10, 31, 9, 30), 25),
    "Santiago, clocks go back": (SANTIAGO, (2027, 4, 4, 9, 30), 25),
    "Santiago, clocks go forward": (SANTIAGO, (2027, 9, 5, 9, 30), 23),
}


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize(("zone", "wall", "hours"), STARTS.values(), ids=STARTS)
def test_it_comes_at_the_same_wall_time_and_once(cast: Cast, zone: str, wall: tuple[int, ...], hours: int) -> None:
    user = cast.ada.patient.user
    user.time_zone = zone
    user.save(update_fields=["time_zone"])
    start = datetime(*wall, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[arg-type, misc]
    Consultation.objects.filter(pk=cast.ada.planned.pk).update(
        starts_at=start, ends_at=start + FIFTEEN, created_at=start - timedelta(days=9)
    )
    reminded = Notice.objects.filter(kind=Kind.DAY_BEFORE, object_id=cast.ada.planned.pk)
    due = start - timedelta(hours=hours)
    assert due.astimezone(ZoneInfo(zone)).hour == wall[3]
    reminders.post_all(now=due - A_SECOND)
    assert not reminded.exists()
    for later in (timedelta(0), timedelta(hours=1), timedelta(hours=2), timedelta(hours=22)):
        reminders.post_all(now=due + later)
    assert reminded.count() == 1


def test_a_wall_time_that_is_missing_or_comes_twice_has_one_reminder() -> None:
    london = ZoneInfo(LONDON)
    missing = day_before(datetime(2027, 3, 29, 1, 30, tzinfo=london), london)
    assert missing == datetime(2027, 3, 28, 1, 30, tzinfo=UTC), "half past two by the new time"
    twice = day_before(datetime(2027, 11, 1, 1, 30, tzinfo=london), london)
    assert twice == datetime(2027, 10, 31, 0, 30, tzinfo=UTC), "the first of the two"
    second = datetime(2027, 10, 31, 1, 30, tzinfo=UTC).astimezone(london)
    assert day_before(second, london) == datetime(2027, 10, 30, 0, 30, tzinfo=UTC)
