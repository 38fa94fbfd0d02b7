"""Computes when somebody can be booked. Pure: rules and busy times in, free slots out; knows nothing of the ORM.

A rule is said in local wall time: 09:00–12:00 in London stays that when the clocks change. A local time that does not
exist on a day gives no slot; one that comes twice gives one, the first time. A slot lasts as long as it says in real
minutes, and no two slots of a rule overlap.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

A_DAY = timedelta(days=1)
Interval = tuple[datetime, datetime]


@dataclass(frozen=True)
class WeeklyRule:
    """`weekday` as in ISO 8601: 1 is Monday. `valid_until` is the last day; none for ever."""

    clinician: UUID
    weekday: int
    starts: time
    ends: time
    zone: ZoneInfo
    length: timedelta
    valid_from: date
    valid_until: date | None = None


@dataclass(frozen=True, order=True)
class Slot:
    """Both times are aware and in UTC."""

    starts_at: datetime
    ends_at: datetime
    clinician: UUID

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.starts_at


def free_slots(
    rules: Iterable[WeeklyRule], busy: Mapping[UUID, Sequence[Interval]], *, from_: datetime, to: datetime
) -> list[Slot]:
    """Return every slot that starts in [from_, to) and touches no busy time of its clinician, soonest first.

    Where rules of one clinician overlap, the slot that starts first is given, and what is left of the others.
    """
    own: dict[UUID, set[Slot]] = {}
    for rule in rules:
        own.setdefault(rule.clinician, set()).update(_slots_of(rule, from_, to))
    free = [
        slot
        for clinician, slots in own.items()
        for slot in _apart(_outside(sorted(slots), _merged(busy.get(clinician, ()))))
    ]
    return sorted(free)


def _slots_of(rule: WeeklyRule, from_: datetime, to: datetime) -> Iterator[Slot]:
    first = max(from_.astimezone(rule.zone).date(), rule.valid_from)
    last = to.astimezone(rule.zone).date()
    if rule.valid_until is not None:
        last = min(last, rule.valid_until)
    day = first + (rule.weekday - first.isoweekday()) % 7 * A_DAY
    while day <= last:
        for starts_at in _starts(rule, day):
            if from_ <= starts_at < to:
                yield Slot(starts_at, starts_at + rule.length, rule.clinician)
        day += 7 * A_DAY


def _starts(rule: WeeklyRule, day: date) -> Iterator[datetime]:
    local, end = datetime.combine(day, rule.starts), datetime.combine(day, rule.ends)
    while local + rule.length <= end:
        starts_at = in_utc(local, rule.zone)
        if starts_at is not None:
            yield starts_at
        local += rule.length


def in_utc(local: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the first moment at which the wall clock shows this local time, None when it never does."""
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return moment if moment.astimezone(zone).replace(tzinfo=None) == local else None


def _merged(busy: Sequence[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for starts_at, ends_at in sorted(busy):
        if merged and starts_at <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], ends_at))
        else:
            merged.append((starts_at, ends_at))
    return merged


def _outside(slots: Iterable[Slot], busy: list[Interval]) -> Iterator[Slot]:
    ends = [ends_at for _, ends_at in busy]
    for slot in slots:
        following = bisect_right(ends, slot.starts_at)
        if following == len(busy) or busy[following][0] >= slot.ends_at:
            yield slot


def _apart(slots: Iterable[Slot]) -> Iterator[Slot]:
    """Leave out what begins before the slot before it ends: other rules', or one after an hour that was lost."""
    last: Slot | None = None
    for slot in slots:
        if last is None or slot.starts_at >= last.ends_at:
            last = slot
            yield slot
