"""Quiet hours on the wall's clock, over both clock changes and on either side of the globe."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from notices.quiet import FROM, UNTIL, quiet_until

LONDON, SYDNEY = ZoneInfo("Europe/London"), ZoneInfo("Australia/Sydney")
QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("local", "ends"),
    [
        (datetime(2027, 1, 11, 20, 59, tzinfo=LONDON), None),
        (datetime(2027, 1, 11, 21, 0, tzinfo=LONDON), datetime(2027, 1, 12, 8, tzinfo=UTC)),
        (datetime(2027, 1, 12, 7, 59, tzinfo=LONDON), datetime(2027, 1, 12, 8, tzinfo=UTC)),
        (datetime(2027, 1, 12, 8, 0, tzinfo=LONDON), None),
        # The clocks go forward: eight o'clock comes an hour sooner; and back: an hour later.
        (datetime(2027, 3, 27, 23, 0, tzinfo=LONDON), datetime(2027, 3, 28, 7, tzinfo=UTC)),
        (datetime(2027, 10, 30, 23, 0, tzinfo=LONDON), datetime(2027, 10, 31, 8, tzinfo=UTC)),
    ],
)
def test_from_nine_until_eight(local: datetime, ends: datetime | None) -> None:
    assert quiet_until(local, LONDON, FROM, UNTIL) == ends


@pytest.mark.parametrize("zone", [LONDON, SYDNEY], ids=str)
@pytest.mark.parametrize(
    "hours", [(FROM, UNTIL), (time(13), time(15)), (time(23, 30), time(1, 30)), (time(2), time(2, 30))]
)
@pytest.mark.parametrize(
    "around", [datetime(2027, *day, tzinfo=UTC) for day in ((3, 28), (10, 31), (4, 4), (10, 3))], ids=str
)
def test_every_quarter_around_a_clock_change(zone: ZoneInfo, hours: tuple[time, time], around: datetime) -> None:
    """They end later than now, within a day, at the hour said, and what is sent then is not quiet again."""
    for step in range(-4 * 36, 4 * 36):
        now = around + step * QUARTER
        wall = now.astimezone(zone).time()
        ends = quiet_until(now, zone, *hours)
        from_, until = hours
        inside = from_ <= wall < until if from_ < until else not until <= wall < from_
        assert (ends is not None) == inside
        if ends is not None:
            assert now < ends <= now + timedelta(hours=25)
            after = ends.astimezone(zone)
            is_struck = after.replace(tzinfo=None) == datetime.combine(after.date(), until)
            assert is_struck or after.utcoffset() != now.astimezone(zone).utcoffset(), "only a skipped hour moves it"
            assert quiet_until(ends, zone, *hours) is None
