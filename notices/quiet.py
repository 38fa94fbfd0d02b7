"""Quiet hours: wall time of a person's zone, right across clock changes. Pure."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

FROM, UNTIL = time(21), time(8)
A_DAY = timedelta(days=1)


def quiet_until(now: datetime, zone: ZoneInfo, from_: time, until: time) -> datetime | None:
    """Return when the quiet hours end that hold now, or None outside of them. Both ends are on the wall's clock."""
    local = now.astimezone(zone)
    wall = local.time()
    is_quiet = from_ <= wall < until if from_ < until else wall >= from_ or wall < until
    if not is_quiet:
        return None
    day = local.date() if wall < until else local.date() + A_DAY
    # An hour that the clocks strike twice ends the quiet at whichever of the two is still to come.
    ends = (datetime.combine(day, until.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1))
    return next(end for end in ends if end > now)
