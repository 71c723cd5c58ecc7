"""Rules that open an incident for each event by itself: which of them an event asks.

They have no latch, so nothing has to be kept in step: a rule that needs a text in a field is looked up by that text,
one that needs a number beyond a bound is asked only for such numbers, by the same ``touch_of`` as the tables; the
others are asked about every event. ``View`` shows it every event, late ones, too, because these rules change nothing
before them.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from dutyd.core.event import Event
from dutyd.core.expr.compiler import Get
from dutyd.evaluate.engine.compiled.conditions import Conditions
from dutyd.evaluate.engine.compiled.selector import text_of
from dutyd.evaluate.engine.compiled.touch import NOTHING, Band, touch_of
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.latches.moment import Moment, look_of
from dutyd.evaluate.engine.latches.runner import Runner

Holds = Callable[[Get], bool | None]


class _Asked(NamedTuple):
    """A rule, its compiled condition, and the numbers of its field for which that can't be true."""

    runner: Runner
    holds: Holds
    band: Band = NOTHING


class _Field:
    """The rules that need one field, and how many events had it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen = 0
        self.by_text: dict[str, list[_Asked]] = {}
        self.others: list[_Asked] = []

    @cached_property
    def rules(self) -> list[_Asked]:
        """All of them; asked when all are here."""
        return [*self.others, *(each for members in self.by_text.values() for each in members)]

    def asked(self, value: object) -> Iterable[_Asked]:
        """Return the rules that *value* may open, or can't be judged by."""
        self.seen += value is not None
        if isinstance(value, str):
            return [*self.by_text.get(value, ()), *self.others] if self.others else self.by_text.get(value, ())
        if isinstance(value, float | int) and not isinstance(value, bool):
            return [each for each in self.rules if not each.band.low <= value <= each.band.high]
        return () if value is None else self.rules


class EachRules:
    """The rules of one view that open for each event by itself."""

    def __init__(self, rules: Iterable[tuple[Conditions, Runner, Holds]]) -> None:
        """Sort *rules* by what they need."""
        self._always: list[_Asked] = []
        self._fields: dict[str, _Field] = {}
        self._events = 0
        for conditions, runner, holds in rules:
            self._sort(conditions, runner, holds)

    def _sort(self, conditions: Conditions, runner: Runner, holds: Holds) -> None:
        test, touch = text_of(conditions.when), touch_of(conditions.when, None)
        if test is not None:
            name, text = test
            field = self._fields.setdefault(name, _Field(name))
            field.by_text.setdefault(text, []).append(_Asked(runner, holds))
        elif touch is not None and len(touch.fields) == 1 and not touch.windows:
            (name,) = touch.fields
            self._fields.setdefault(name, _Field(name)).others.append(_Asked(runner, holds, touch.band))
        else:
            self._always.append(_Asked(runner, holds))

    def open(self, event: Event, key: Key) -> None:
        """Open what *event* opens."""
        self._events += 1
        for asked in self._always:
            _ask(asked, event, key)
        for field in filter(None, map(self._fields.get, event.fields)):
            for asked in field.asked(event.fields[field.name]):
                _ask(asked, event, key)

    def count_unknown(self) -> Iterator[tuple[tuple[str, str], int]]:
        """Yield, and forget, how often a rule could not say anything because its field was missing."""
        for field in self._fields.values():
            missed, field.seen = self._events - field.seen, 0
            for asked in field.rules if missed else ():
                yield (asked.runner.conditions.rule.id, field.name), missed
        self._events = 0


def _ask(asked: _Asked, event: Event, key: Key) -> None:
    runner = asked.runner
    try:
        opens = asked.holds(event.fields.get)
        moment = None if opens is False else Moment(event, event.time, event.offset, look_of(event))
        if opens is True and moment is not None:
            runner.open_once(key, moment)
        elif moment is not None:
            runner.count_unknown(key, moment)
    except Exception as error:  # noqa: BLE001  # one rule's fault must not stop the others
        runner.fail(error)
    else:
        runner.failures = 0
