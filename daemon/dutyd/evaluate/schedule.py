"""Cron expressions to due times, in a time zone, through the days on which clocks change.

``read_schedule`` is called by the rule reader, once per rule; the engine asks the ``Schedule`` for its due times. What
cron's fields mean is APScheduler's job, in plain wall-clock time, as if no clock ever changed; here wall-clock times
become moments. (Asked about a zone by itself, APScheduler repeats the hour that comes twice without end.)

* A time that a change of clocks skips is due as long after the last moment before it as it would have been: 02:30 is
  03:30 by the new clock.
* A time that comes twice is due the first time; where the hour field begins with ``*`` both times, so that
  ``*/15 * * * *`` goes on every quarter of an hour.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from dutyd.core.errors import nearest
from dutyd.core.opening import Schedule

_AROUND: Final = timedelta(hours=3)
"""More than clocks are put forward or back at once."""


class ScheduleError(ValueError):
    """A cron expression that can't be read.

    Attributes:
        message: what is wrong.
        column: where, from 1.
        hint: what to write.

    """

    def __init__(self, message: str, column: int, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.hint = hint


class _Field(NamedTuple):
    """One of the five fields; *names* stand for *low* and the numbers after it."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),
)
_SHAPE: Final = "minute, hour, day of month, month, day of week: '0 6 * * 1-5' is 06:00 from Monday to Friday"
_NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_ITEM: Final = re.compile(
    r"(?P<low>\*|[0-9]{1,4}|[A-Za-z]+)(?:-(?P<high>[0-9]{1,4}|[A-Za-z]+))?(?:/(?P<step>[0-9]{1,4}))?"
)


def read_schedule(text: str, timezone: str, missed: float) -> Schedule:
    """Return the schedule of a cron expression in *timezone*, a name that ``zone`` knows.

    Raises:
        ScheduleError: *text* is no cron expression, or never due.

    """
    words = [(match.group(), match.start() + 1) for match in re.finditer(r"\S+", text)]
    if words and words[0][0].startswith("@"):
        raise _nickname(*words[0])
    if len(words) != len(_FIELDS):
        message = f"a schedule has five fields, and this has {len(words)}"
        raise ScheduleError(message, words[5][1] if len(words) > 5 else 1, _SHAPE)
    minute, hour, day, month, weekday = (_numbers(*word, of) for word, of in zip(words, _FIELDS, strict=True))
    if day is not None and weekday is not None:
        message = "cron takes a day of month and a day of week for 'one or the other', people read 'both'"
        raise ScheduleError(message, words[4][1], "put * in one of the two; for one or the other make two rules")
    sunday_last = None if weekday is None else {(number - 1) % 7 for number in weekday}  # as APScheduler counts
    found = [minute, hour, day, month, sunday_last]
    calendar = Calendar(tuple(map(_listed, found)), zone(timezone), every_hour=words[1][0].startswith("*"))
    if calendar.due_after(0.0) is None:
        raise ScheduleError("this is never due: no month of these has such a day", words[2][1], "choose another day")
    written = " ".join(word for word, _ in words)
    return Schedule(text=written, timezone=timezone, missed=missed, due_after=calendar.due_after)


def zone(name: str) -> ZoneInfo:
    """Return the time zone *name*.

    Raises:
        ValueError: there is none; the message names the nearest.

    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = tuple(sorted(available_timezones()))
        if not known:
            raise ValueError("this machine has no time zones: install tzdata") from None
        raise ValueError(f"there is no time zone '{name[:60]}'{nearest(name, known)}") from None


def _nickname(word: str, column: int) -> ScheduleError:
    written = _NICKNAMES.get(word.lower())
    return ScheduleError(f"'{word[:20]}' is no cron expression", column, f"write '{written}'" if written else _SHAPE)


def _listed(numbers: set[int] | None) -> str:
    return "*" if numbers is None else ",".join(map(str, sorted(numbers)))


def _numbers(word: str, column: int, of: _Field) -> set[int] | None:
    """Return the numbers that *word*, one field, stands for; None: every one."""
    found: set[int] = set()
    for item in word.split(","):
        found |= _item(item, column, of)
        column += len(item) + 1
    return None if word == "*" else found


def _item(item: str, column: int, of: _Field) -> set[int]:
    match = _ITEM.fullmatch(item)
    if match is None or (match["low"] == "*" and match["high"]):
        hint = f"write a number, a range ({of.low}-{of.high}), a list (a,b) or steps (*/5)"
        raise ScheduleError(f"'{item[:20]}' can't be read as {of.name}", column, hint)
    if match["low"] == "*":
        low, high = of.low, of.high
    else:
        low = _number(match["low"], column, of)
        high = _number(match["high"], column + match.start("high"), of) if match["high"] else low
        if match["step"] and not match["high"]:
            high = of.high
    if low > high:
        hint = f"write {low}-{of.high},{of.low}-{high} for a range over the end"
        raise ScheduleError(f"the range {item} goes backwards", column, hint)
    step = int(match["step"] or 1)
    if not 1 <= step <= of.high:
        raise ScheduleError(f"a step of {step} makes no sense for {of.name}", column + match.start("step"), "write */5")
    return set(range(low, high + 1, step))


def _number(text: str, column: int, of: _Field) -> int:
    if text.isdigit():
        if of.low <= int(text) <= of.high:
            return int(text)
        raise ScheduleError(f"{text} is no {of.name}", column, f"it goes from {of.low} to {of.high}")
    short = text.lower()
    if short in of.names:
        return of.names.index(short) + of.low
    hint = f"it goes from {of.low} to {of.high}" + (f", or {', '.join(of.names)}" if of.names else "")
    raise ScheduleError(f"'{text[:20]}' is no {of.name}{nearest(short[:3], of.names)}", column, hint)


@dataclass(frozen=True, eq=False)
class Calendar:
    """The due times of one expression.

    Attributes:
        fields: minute, hour, day, month and day of week (0 is Monday), as lists of numbers or ``*``.
        zone: where the clock hangs.
        every_hour: whether a time that comes twice is due twice.

    """

    fields: Sequence[str]
    zone: ZoneInfo
    every_hour: bool

    @cached_property
    def _trigger(self) -> Any:
        from apscheduler.triggers.cron import CronTrigger  # it takes a while, and few rules have a schedule

        minute, hour, day, month, weekday = self.fields
        return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, second=0, timezone=UTC)

    def due_after(self, time: float) -> float | None:
        """Return the first due time after *time*, both seconds since the epoch; None: never again."""
        after = datetime.fromtimestamp(time, UTC)
        begin = self._wall(after)
        first = next(self._walls(begin), None)
        if first is None:
            return None
        if not self._changes(after):
            moment = self._moments(first)[0]
            if not self._changes(moment):
                return moment.timestamp()
            begin = first
        return self._earliest(begin, after).timestamp()

    def _earliest(self, around: datetime, after: datetime) -> datetime:
        """Return the first due time after *after*, where the order on the wall is not that of time."""
        found: list[datetime] = []
        enough = around
        for wall in self._walls(around - _AROUND):
            if found and wall > enough:
                break
            later = [moment for moment in self._moments(wall) if moment > after]
            enough = wall + _AROUND if later and not found else enough
            found += later
        return min(found)

    def _walls(self, after: datetime) -> Iterator[datetime]:
        """Yield the due times after *after*, by the clock on the wall."""
        found = after
        while (found := self._trigger.get_next_fire_time(None, found + timedelta(seconds=1))) is not None:
            yield found

    def _wall(self, moment: datetime) -> datetime:
        """Return what the clock on the wall says at *moment*; its zone means nothing."""
        return moment.astimezone(self.zone).replace(tzinfo=UTC)

    def _moments(self, wall: datetime) -> list[datetime]:
        """Return when the clock on the wall says *wall*: once, or twice where that counts."""
        local = wall.replace(tzinfo=self.zone)
        first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        return [first, second] if self.every_hour and first < second else [first]

    def _changes(self, moment: datetime) -> bool:
        """Return whether the clock is changed around *moment*."""
        return (moment - _AROUND).astimezone(self.zone).utcoffset() != (moment + _AROUND).astimezone(
            self.zone
        ).utcoffset()
