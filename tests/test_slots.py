"""When somebody can be booked: local hours, clocks that change, what is taken. No database."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consultations.slots import Slot, WeeklyRule, free_slots, in_utc

OSEI, LIND = uuid.UUID(int=1), uuid.UUID(int=2)
LONDON, KOLKATA, PHOENIX, LORD_HOWE = (
    ZoneInfo(name) for name in ("Europe/London", "Asia/Kolkata", "America/Phoenix", "Australia/Lord_Howe")
)
MONDAY, SUNDAY = 1, 7
MINUTE = timedelta(minutes=1)


def rule(
    weekday: int, starts: str, ends: str, zone: ZoneInfo = LONDON, minutes: int = 30, **facts: object
) -> WeeklyRule:
    facts = {"clinician": OSEI, "valid_from": date(2027, 1, 1), **facts}
    hours = time.fromisoformat(starts), time.fromisoformat(ends)
    return WeeklyRule(weekday=weekday, starts=hours[0], ends=hours[1], zone=zone, length=minutes * MINUTE, **facts)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def starts(
    rules: list[WeeklyRule], from_: str, to: str, busy: list[tuple[str, str]] = (), zone: ZoneInfo | None = None
) -> list[str]:
    """Return the starts of Dr Osei's free slots, in UTC or on the wall of a zone."""
    taken = {OSEI: [(utc(one), utc(other)) for one, other in busy]}
    slots = free_slots(rules, taken, from_=utc(from_), to=utc(to))
    return [f"{slot.starts_at.astimezone(zone or UTC):%m-%d %H:%M}" for slot in slots]


@pytest.mark.parametrize("week", ["2027-03-22", "2027-03-29", "2027-10-25", "2027-11-01"])
def test_nine_to_twelve_stays_nine_to_twelve_on_both_sides_of_a_clock_change(week: str) -> None:
    following = f"{date.fromisoformat(week) + timedelta(days=7)}"
    found = starts([rule(MONDAY, "09:00", "12:00", minutes=60)], week, following, zone=LONDON)
    assert found == [f"{week[5:]} 09:00", f"{week[5:]} 10:00", f"{week[5:]} 11:00"]


def test_summer_time_moves_the_moment_and_not_the_wall_clock() -> None:
    nine = [rule(SUNDAY, "09:00", "09:30")]
    assert starts(nine, "2027-03-15", "2027-04-05") == ["03-21 09:00", "03-28 08:00", "04-04 08:00"]
    assert starts(nine, "2027-10-18", "2027-11-08") == ["10-24 08:00", "10-31 09:00", "11-07 09:00"]


def test_an_hour_that_does_not_exist_gives_no_slot() -> None:
    found = starts([rule(SUNDAY, "00:00", "03:00")], "2027-03-28", "2027-03-29", zone=LONDON)
    assert found == ["03-28 00:00", "03-28 00:30", "03-28 02:00", "03-28 02:30"]


def test_an_hour_that_comes_twice_gives_its_slots_once_and_the_first_time() -> None:
    found = starts([rule(SUNDAY, "00:00", "03:00")], "2027-10-30", "2027-11-01")
    assert found == ["10-30 23:00", "10-30 23:30", "10-31 00:00", "10-31 00:30", "10-31 02:00", "10-31 02:30"]


def test_a_slot_that_lasts_into_the_lost_hour_does_not_overlap_the_next() -> None:
    slots = free_slots([rule(SUNDAY, "00:40", "03:20", minutes=40)], {}, from_=utc("2027-03-28"), to=utc("2027-03-29"))
    assert [f"{slot.starts_at:%H:%M}–{slot.ends_at:%H:%M}" for slot in slots] == ["00:40–01:20", "01:40–02:20"]


def test_a_zone_without_summer_time_keeps_its_moment() -> None:
    assert starts([rule(SUNDAY, "09:00", "09:30", PHOENIX)], "2027-03-14", "2027-04-05") == [
        "03-14 16:00", "03-21 16:00", "03-28 16:00", "04-04 16:00",
    ]  # fmt: skip


def test_a_zone_of_half_an_hour() -> None:
    assert starts([rule(MONDAY, "09:00", "10:00", KOLKATA)], "2027-03-29", "2027-03-30") == [
        "03-29 03:30",
        "03-29 04:00",
    ]


def test_a_clock_that_changes_by_half_an_hour() -> None:
    """Lord Howe goes from 02:00 to 02:30 in October 2027 and back in April."""
    hours = [rule(SUNDAY, "01:30", "03:00", LORD_HOWE)]
    assert starts(hours, "2027-10-02", "2027-10-04", zone=LORD_HOWE) == ["10-03 01:30", "10-03 02:30"]
    assert starts(hours, "2027-04-03", "2027-04-05", zone=LORD_HOWE) == ["04-04 01:30", "04-04 02:00", "04-04 02:30"]


def test_a_day_begins_where_the_rule_lives() -> None:
    """Monday morning in Kiritimati is Sunday in UTC."""
    early = rule(MONDAY, "08:00", "08:30", ZoneInfo("Pacific/Kiritimati"))
    assert starts([early], "2027-03-28", "2027-03-29") == ["03-28 18:00"]


def test_what_is_taken_or_off_is_not_offered() -> None:
    hours = [rule(MONDAY, "09:00", "12:00")]
    busy = [("2027-01-04T09:30", "2027-01-04T10:00"), ("2027-01-04T10:45", "2027-01-04T11:15")]
    assert starts(hours, "2027-01-04", "2027-01-05", busy) == ["01-04 09:00", "01-04 10:00", "01-04 11:30"]
    week_off = [*busy, ("2027-01-03T00:00", "2027-01-10T00:00")]
    assert starts(hours, "2027-01-04", "2027-01-12", week_off)[0] == "01-11 09:00"


def test_what_is_taken_from_one_clinician_is_free_at_another() -> None:
    hours = [rule(MONDAY, "09:00", "09:30"), rule(MONDAY, "09:00", "09:30", clinician=LIND)]
    busy = {OSEI: [(utc("2027-01-04T09:00"), utc("2027-01-04T09:15"))]}
    found = free_slots(hours, busy, from_=utc("2027-01-04"), to=utc("2027-01-05"))
    assert [slot.clinician for slot in found] == [LIND]


def test_a_rule_holds_from_its_first_day_until_its_last() -> None:
    one_day = rule(MONDAY, "09:00", "09:30", valid_from=date(2027, 1, 11), valid_until=date(2027, 1, 11))
    assert starts([one_day], "2027-01-01", "2027-03-01") == ["01-11 09:00"]
    assert starts([rule(SUNDAY, "09:00", "09:30", valid_from=date(2027, 1, 11), valid_until=date(2027, 1, 16))],
                  "2027-01-01", "2027-03-01") == []  # fmt: skip


def test_a_slot_must_end_within_the_hours() -> None:
    assert starts([rule(MONDAY, "09:00", "10:20")], "2027-01-04", "2027-01-05") == ["01-04 09:00", "01-04 09:30"]


def test_only_what_starts_in_the_asked_time_is_returned() -> None:
    hours = [rule(MONDAY, "09:00", "11:00")]
    assert starts(hours, "2027-01-04T09:01", "2027-01-04T10:00") == ["01-04 09:30"]


def test_rules_that_overlap_offer_no_time_twice() -> None:
    hours = [rule(MONDAY, "09:00", "10:00"), rule(MONDAY, "09:00", "10:00"), rule(MONDAY, "09:15", "10:15")]
    assert starts(hours, "2027-01-04", "2027-01-05") == ["01-04 09:00", "01-04 09:30"]


zones = st.sampled_from(["Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo"])
clock = st.times(min_value=time(0), max_value=time(23, 45)).map(lambda at: at.replace(second=0, microsecond=0))


@given(zones, st.integers(1, 7), clock, clock, st.integers(5, 240), st.dates(date(2026, 1, 1), date(2028, 12, 1)))
def test_slots_never_overlap_and_always_stand_on_the_wall_where_the_rule_says(
    zone: str, weekday: int, one: time, other: time, minutes: int, around: date
) -> None:
    hours = rule(weekday, f"{min(one, other)}", f"{max(one, other)}", ZoneInfo(zone), minutes, valid_from=around)
    from_ = datetime.combine(around, time(0), UTC)
    slots = free_slots([hours], {}, from_=from_, to=from_ + timedelta(days=21))
    walls = [slot.starts_at.astimezone(ZoneInfo(zone)) for slot in slots]
    assert all(wall.isoweekday() == weekday and hours.starts <= wall.time() < hours.ends for wall in walls)
    assert all(earlier.ends_at <= later.starts_at for earlier, later in zip(slots, slots[1:], strict=False))
    assert all(slot == Slot(slot.starts_at, slot.starts_at + minutes * MINUTE, OSEI) for slot in slots)
    assert len({wall.replace(tzinfo=None) for wall in walls}) == len(slots)


def test_a_local_time_becomes_the_first_moment_that_shows_it() -> None:
    assert in_utc(datetime.fromisoformat("2027-03-28T01:30"), LONDON) is None
    assert in_utc(datetime.fromisoformat("2027-10-31T01:30"), LONDON) == utc("2027-10-31T00:30")
