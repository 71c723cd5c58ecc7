"""Cron expressions: what they mean, through the days on which clocks change, and what is said of wrong ones."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.evaluate.schedule import ScheduleError, read_schedule, zone


def due(text: str, after: str, count: int, timezone: str = "Europe/Berlin") -> list[str]:
    """Return the next due times as that zone's clocks show them, with their offsets."""
    schedule, at = read_schedule(text, timezone, 600.0), datetime.fromisoformat(after).timestamp()
    found = []
    for _ in range(count):
        next_ = schedule.due_after(at)
        assert next_ is not None
        assert next_ > at
        at = next_
        found.append(datetime.fromtimestamp(at, ZoneInfo(timezone)).strftime("%a %d %H:%M %z"))
    return found


def test_weekdays_count_from_sunday_as_in_cron() -> None:
    friday = "2026-06-05T12:00+02:00"
    assert due("0 6 * * 1-5", friday, 2) == ["Mon 08 06:00 +0200", "Tue 09 06:00 +0200"]
    assert due("0 6 * * 0", friday, 1) == due("0 6 * * 7", friday, 1) == due("0 6 * * SUN", friday, 1)
    assert due("30 8 * * fri-7", friday, 2) == ["Sat 06 08:30 +0200", "Sun 07 08:30 +0200"]


def test_lists_steps_and_months() -> None:
    assert due("0,45 */12 1 jan,Mar *", "2026-06-05T12:00+00:00", 5, "UTC") == [
        "Fri 01 00:00 +0000",
        "Fri 01 00:45 +0000",
        "Fri 01 12:00 +0000",
        "Fri 01 12:45 +0000",
        "Mon 01 00:00 +0000",
    ]
    assert due("5/20 8 * * *", "2026-06-05T12:00+00:00", 3, "UTC")[-1] == "Sat 06 08:45 +0000"


def test_the_hour_of_a_zone_stays_when_its_offset_changes() -> None:
    assert due("0 6 * * *", "2026-03-28T12:00+01:00", 1) == ["Sun 29 06:00 +0200"]
    assert due("0 6 * * *", "2026-10-24T12:00+02:00", 1) == ["Sun 25 06:00 +0100"]


def test_a_time_that_the_clock_skips_is_due_by_the_new_clock() -> None:
    assert due("30 2 * * *", "2026-03-28T12:00+01:00", 2) == ["Sun 29 03:30 +0200", "Mon 30 02:30 +0200"]
    assert due("30 2,3 * * *", "2026-03-28T12:00+01:00", 2) == ["Sun 29 03:30 +0200", "Mon 30 02:30 +0200"]
    assert due("0 2-4 * * *", "2026-03-28T12:00+01:00", 3) == [
        "Sun 29 03:00 +0200",
        "Sun 29 04:00 +0200",
        "Mon 30 02:00 +0200",
    ]


def test_a_fixed_time_that_comes_twice_is_due_once() -> None:
    assert due("30 2 * * *", "2026-10-24T12:00+02:00", 2) == ["Sun 25 02:30 +0200", "Mon 26 02:30 +0100"]
    assert due("45 2 * * *", "2026-10-25T02:30+01:00", 1) == ["Mon 26 02:45 +0100"]


def test_what_is_due_every_hour_is_due_every_hour_of_a_change() -> None:
    assert due("0 * * * *", "2026-10-25T01:30+02:00", 4) == [
        "Sun 25 02:00 +0200",
        "Sun 25 02:00 +0100",
        "Sun 25 03:00 +0100",
        "Sun 25 04:00 +0100",
    ]
    assert due("*/30 * * * *", "2026-03-29T01:00+01:00", 3) == [
        "Sun 29 01:30 +0100",
        "Sun 29 03:00 +0200",
        "Sun 29 03:30 +0200",
    ]


def test_half_an_hour_of_lord_howe() -> None:
    assert due("*/20 * * * *", "2026-04-05T01:10+11:00", 5, "Australia/Lord_Howe") == [
        "Sun 05 01:20 +1100",
        "Sun 05 01:40 +1100",
        "Sun 05 01:40 +1030",
        "Sun 05 02:00 +1030",
        "Sun 05 02:20 +1030",
    ]


@given(
    st.sampled_from(["* * * * *", "*/7 * * * *", "30 2 * * *", "0 */2 * * *", "59 1-3 * * *", "0 6 * * 1-5"]),
    st.sampled_from(["2026-03-29T01:00+00:00", "2026-10-25T01:00+00:00"]),
    st.integers(-5 * 60, 5 * 60),
)
def test_whoever_asks_from_anywhere_meets_the_same_due_times(text: str, change: str, minutes: int) -> None:
    schedule = read_schedule(text, "Europe/Berlin", 600.0)
    at = datetime.fromisoformat(change).timestamp() + 60.0 * minutes
    first = schedule.due_after(at)
    assert first is not None
    assert first > at
    assert schedule.due_after(first - 1) == first
    if first - at > 60:
        assert schedule.due_after(at + 60) == first


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "a schedule has five fields, and this has 0"),
        ("0 6 * *", 1, "a schedule has five fields, and this has 4"),
        ("0 0 6 * * 1", 11, "a schedule has five fields, and this has 6"),
        ("60 6 * * *", 1, "60 is no minute"),
        ("0 6-24 * * *", 5, "24 is no hour"),
        ("0 6 * * mom", 9, "'mom' is no day of week; did you mean 'mon'?"),
        ("0 6 * Juni *", 7, "'Juni' is no month; did you mean 'jun'?"),
        ("0 6 * * 1,x", 11, "'x' is no day of week"),
        ("0 6 * * 5-1", 9, "the range 5-1 goes backwards"),
        ("*/0 6 * * *", 3, "a step of 0 makes no sense for minute"),
        ("0 6: * * *", 3, "'6:' can't be read as hour"),
        ("0 6 1 * 1", 9, "cron takes a day of month and a day of week for 'one or the other', people read 'both'"),
        ("0 6 31 feb,apr *", 5, "this is never due: no month of these has such a day"),
        ("@daily", 1, "'@daily' is no cron expression"),
    ],
)
def test_a_wrong_expression_is_pointed_at(text: str, column: int, message: str) -> None:
    with pytest.raises(ScheduleError) as told:
        read_schedule(text, "UTC", 600.0)
    assert (told.value.message, told.value.column) == (message, column)
    assert told.value.hint


def test_an_unknown_time_zone_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'Europe/Berlin'"):
        zone("Europe/Berlim")
    assert zone("Europe/Berlin").key == "Europe/Berlin"
