"""What is remembered of an entity, in bytes of this process: of an active latch, of one that is inactive, of a window.

Counted by the interpreter's own allocator (``tracemalloc``), after the events that caused it are gone. ``bytes_active``
is an incident with its evidence, the whole event; the baseline is the event's record as it stands in the topic.
``bytes_inactive`` is an entity that was seen and about which there is nothing to say: its newest time, in turn
forgotten after some minutes; its identities are counted in ``bytes_identity``, which the limit of a million bounds.
``bytes_window`` is an average over five minutes: with all samples in one pane, then with a sample in each of its panes.
"""

import gc
import tracemalloc
from collections.abc import Iterator, Sequence

import msgspec

from dutyd.core.event import Event
from dutyd.core.expr import parse
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Limits, State, judge, plan
from dutyd.evaluate.path import POLL_RECORDS
from row import Row

ENTITIES = 20_000
PANE = 5.0
"""Seconds; a 60th of the window."""


def rows() -> Iterator[Row]:
    """Measure, and yield the rows ``bytes_*``."""
    record = float(len(msgspec.json.encode(_event(0, 0.0, 1.0).fields)))
    identity = grown("x > 10", [[1.0]], same=True)
    found = {
        "bytes_identity": identity,
        "bytes_inactive": grown("x > 10", [[1.0]]) - identity,
        "bytes_active": grown("x > 10", [[11.0]]) - grown("x > 10", [[1.0]]),
        "bytes_window": grown("avg(x, 5m) > 10", [[1.0]]) - identity,
        "bytes_window_full": grown("avg(x, 5m) > 10", [[1.0]] * 60) - 60 * identity,
    }
    for name, value in found.items():
        yield Row(name, value, "bytes", record, value / record)


def grown(condition: str, rounds: Sequence[Sequence[float]], *, same: bool = False) -> float:
    """Return the bytes an entity leaves behind.

    Args:
        condition: the one rule's.
        rounds: the values that each entity says, a pane later in each round.
        same: all events are of one entity.

    """
    rule = Rule(id="rule", topic="metrics", per=("service",), when=parse(condition))
    made, state = plan([rule], limits=Limits(latches=ENTITIES, entities=ENTITIES)), State()
    tracemalloc.start()
    began = tracemalloc.get_traced_memory()[0]
    for number, values in enumerate(rounds):
        for start in range(0, ENTITIES, POLL_RECORDS):
            entities = range(start, min(start + POLL_RECORDS, ENTITIES))
            judge(
                made,
                state,
                "metrics",
                [_event(0 if same else at, number * PANE + at / ENTITIES, *values) for at in entities],
            )
    state.take_changed()
    gc.collect()
    left = tracemalloc.get_traced_memory()[0] - began
    tracemalloc.stop()
    return left / ENTITIES


def _event(entity: int, time: float, value: float) -> Event:
    said = {"id": f"{entity:032x}", "source": "bench", "service": f"service-{entity}", "env": "prod", "x": value}
    fields = msgspec.json.decode(msgspec.json.encode({**said, "y": 1.5, "z": 2.5}))
    return Event(fields["id"], fields["source"], 1e9 + time, 1e9 + time, entity, fields)
