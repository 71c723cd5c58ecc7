"""The engine alone: decoded events in, changes out, one core; and how its cost grows with the number of rules.

``engine`` is 1,000 rules, about three touched by an event, one in ten over a window; its baseline is decoding the same
records, so that the ratio says how much of an evaluator the engine is. ``rules_N`` are N such rules; their baseline is
the smallest set, so that the ratio says what more rules cost. All are medians over rounds in one process.
"""

import gc
import statistics
import time
from collections.abc import Iterator, Sequence

from decode import decode_all
from dutyd.core.event import Event
from dutyd.evaluate.engine import Plan, State, judge, plan
from row import Row
from worlds import records, rules

EVENTS = 100_000
BATCH = 2_000
ROUNDS = 5
SIZES = (10, 100, 1_000, 10_000)


def rows() -> Iterator[Row]:
    """Measure, and yield the rows ``engine`` and ``rules_N``."""
    found = {size: _measure(size) for size in SIZES}
    decoding, judging = found[1_000]
    yield Row("engine", judging, "events/s", decoding, judging / decoding)
    _, smallest = found[SIZES[0]]
    for size, (_, rate) in found.items():
        yield Row(f"rules_{size}", rate, "events/s", smallest, rate / smallest)


def _measure(size: int) -> tuple[float, float]:
    """Return the events a second of decoding, and of judging by *size* rules, about three of them touched."""
    raw = records(EVENTS, size)
    made = plan(rules(size, size))
    decoding, judging = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        events = decode_all(raw)
        decoding.append(EVENTS / (time.perf_counter() - began))
        judging.append(EVENTS / _judge(made, events))
    return statistics.median(decoding), statistics.median(judging)


def _judge(made: Plan, events: Sequence[Event]) -> float:
    """Return the seconds it takes; code is generated and windows exist before the clock starts."""
    state = State()
    changes = len(judge(made, state, "metrics", events[:BATCH]))
    gc.collect()
    gc.freeze()
    began = time.perf_counter()
    for start in range(BATCH, len(events), BATCH):
        changes += len(judge(made, state, "metrics", events[start : start + BATCH]))
    took = time.perf_counter() - began
    gc.unfreeze()
    return took * len(events) / (len(events) - BATCH)
