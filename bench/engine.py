"""The engine alone, decoded events in and changes out, and how its cost for an event grows.

``rules_N``: N rules spread over the fields, about three of them touched. ``one_field_N``: N rules on one field of one
entity, whose thresholds lie closely above its everyday values. ``window_S``: 100 rules over windows of S seconds, for
events that come once a second from each entity. ``entities_N``: 1,000 rules, N entities. Costs are nanoseconds of
processor time an event, without decoding; the baseline of each row is the smallest of its kind.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from dutyd.core.event import Event
from dutyd.core.expr import parse
from dutyd.core.rule import Rule
from dutyd.core.topic import Topic
from dutyd.evaluate.engine import Plan, State, judge, plan
from dutyd.evaluate.path import POLL_RECORDS
from dutyd.stream.formats import Decoder
from measure import cpu_seconds, in_turns
from row import Row
from worlds import HIGHEST, Raw, records, rules

EVENTS = 40_000
SIZES = (10, 100, 1_000, 10_000)
WINDOWS = (60, 600, 3_600, 86_400)
ENTITIES = (100, 1_000, 10_000, 100_000)


def rows() -> Iterator[Row]:
    """Measure, and yield the rows ``rules_N``, ``one_field_N``, ``window_S`` and ``entities_N``."""
    yield from _growth("rules", {size: _judging(rules(size, size), records(EVENTS, size)) for size in SIZES})
    yield from _growth("one_field", {size: _judging(_on_one_field(size), _of_one_entity()) for size in SIZES})
    yield from _growth("window", {seconds: _windows(seconds) for seconds in WINDOWS})
    yield from _growth("entities", {size: _entities(size) for size in ENTITIES})


def _growth(name: str, candidates: Mapping[int, Callable[[], float]]) -> Iterator[Row]:
    found = in_turns({str(size): measured for size, measured in candidates.items()})
    smallest = found[str(min(candidates))]
    for size, cost in found.items():
        yield Row(f"{name}_{size}", cost, "ns", smallest, cost / smallest)


def _judging(made: Sequence[Rule], raw: Sequence[Raw], warm: int = EVENTS // 2) -> Callable[[], float]:
    """Return what measures *made* on *raw*; the first *warm* events fill windows before the clock starts."""
    return partial(_cost, plan(made), _events(raw), warm)


def _cost(made: Plan, events: Sequence[Event], warm: int) -> float:
    """Return the nanoseconds an event takes, after the first *warm*."""
    state = State()
    for start in range(0, warm, POLL_RECORDS):
        judge(made, state, "metrics", events[start : min(warm, start + POLL_RECORDS)])
    seconds = cpu_seconds(lambda: _judge(made, state, events[warm:]))
    return seconds / (len(events) - warm) * 1e9


def _judge(made: Plan, state: State, events: Sequence[Event]) -> None:
    for start in range(0, len(events), POLL_RECORDS):
        judge(made, state, "metrics", events[start : start + POLL_RECORDS])


def _events(raw: Sequence[Raw]) -> list[Event]:
    return Decoder(Topic(alias="metrics", topic="metrics"), 0).decode(raw).events


def _on_one_field(size: int) -> list[Rule]:
    return [
        Rule(
            id=f"rule-{number}",
            topic="metrics",
            per=("service",),
            when=parse(f"m0 > {HIGHEST + 100 * (number + 1) / size}"),
            clear=parse(f"m0 < {HIGHEST - 100}") if number % 2 else None,
        )
        for number in range(size)
    ]


def _of_one_entity() -> list[Raw]:
    return records(EVENTS, 3, entities=1, passing=EVENTS)


def _windows(seconds: int) -> Callable[[], float]:
    """Ten windowed rules an event, 20 entities that say something every second: most of a window lies in its panes."""
    made = [
        Rule(
            id=f"rule-{number}",
            topic="metrics",
            per=("service",),
            when=parse(f"avg(m{number % 3}, {seconds}s) > {2 * HIGHEST + number}"),
        )
        for number in range(100)
    ]
    return _judging(made, records(EVENTS, 3, entities=20, per_second=20.0, passing=EVENTS))


def _entities(size: int) -> Callable[[], float]:
    warm = max(EVENTS // 2, 2 * size)  # everybody was seen
    return _judging(rules(1_000, 1_000), records(warm + EVENTS // 2, 1_000, entities=size), warm)
