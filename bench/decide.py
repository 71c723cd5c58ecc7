"""The evaluate path without a broker: records are decoded, judged and made durable, 1,000 rules, 10,000 entities.

``decide_3`` and ``decide_30``: about three and about thirty rules touched by an event, one in ten over a window; what
changes is written as ``path`` does it, with the tasks' own fenced write to a real Valkey that fsyncs. Events a second
of this process' processor time; the server is another process. The baseline is msgspec decoding the same records.
``trickle``: about three rules touched, the windows an hour long, so that their snapshots trickle into the checkpoint;
the baseline is the same without snapshots.
``fsync_write`` is what one such write takes by the wall clock, of which this process can use nothing, against one that
reaches the server and does nothing.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count

import redis

from decode import bare_seconds
from dutyd.core.rule import Rule
from dutyd.core.topic import Topic
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.engine import Resume, State, Trickle, plan
from dutyd.evaluate.outbox import Outbox
from dutyd.evaluate.path import POLL_RECORDS
from dutyd.evaluate.plans import Planned
from dutyd.evaluate.saved import Decided, Write
from dutyd.evaluate.sources import Source
from dutyd.evaluate.tasks import Task
from dutyd.evaluate.writing import Writer
from dutyd.stream.base import Partition
from measure import cpu_seconds, in_turns
from row import Row
from support.valkey import running_valkey
from worlds import Raw, records, rules

EVENTS = 120_000
WARM = 60_000
"""Events that fill windows before the clock starts."""

RULES = 1_000
FIELDS = {"decide_3": 1_000, "decide_30": 100}
LONG = "1h"
WRITES = 200
TOPIC = Topic(alias="metrics", topic="metrics")
_names = count()


def rows() -> Iterator[Row]:
    """Measure, and yield the rows ``decide_3``, ``decide_30``, ``trickle`` and ``fsync_write``."""
    with running_valkey() as url, redis.Redis.from_url(url) as client:
        raw = {name: records(EVENTS + WARM, fields) for name, fields in FIELDS.items()}
        candidates: dict[str, Callable[[], float]] = {"bare": lambda: bare_seconds(raw["decide_3"][WARM:])}
        for name, fields in FIELDS.items():
            candidates[name] = partial(decide, client, rules(RULES, fields), raw[name], trickling)
        long = rules(RULES, FIELDS["decide_3"], LONG)
        candidates |= {
            state.__name__: partial(decide, client, long, raw["decide_3"], state) for state in (trickling, State)
        }
        found = in_turns(candidates, rounds=3)
        baseline = EVENTS / found.pop("bare")
        with_, without = EVENTS / found.pop(trickling.__name__), EVENTS / found.pop(State.__name__)
        yield Row("trickle", with_, "events/s", without, with_ / without)
        for name, seconds in found.items():
            yield Row(name, EVENTS / seconds, "events/s", baseline, EVENTS / seconds / baseline)
        written, pinged = fsync_write(client), wall_ms(client.ping)
        yield Row("fsync_write", written, "ms", pinged, written / pinged)


def trickling() -> State:
    """Return a new state with snapshots, as an evaluator has it."""
    return State(Trickle({TOPIC.alias}, Resume()))


def decide(
    client: "redis.Redis",
    made: Sequence[Rule],
    raw: Sequence[Raw],
    state: Callable[[], State],
    *,
    seconds: Callable[[Callable[[], object]], float] = cpu_seconds,
    behind: bool = True,
) -> float:
    """Return the *seconds* that all but the first ``WARM`` of *raw* take, from bytes to checkpoint.

    Not *behind*: every write is waited for before the next records are read.
    """
    planned = Planned("bench", plan(made))
    partition = Partition(TOPIC.topic, 0)
    checkpoint = Checkpoint(client, f"bench{next(_names)}")
    owner, _ = checkpoint.claim("1.0", "token")
    task = Task(owner, {partition: Source(TOPIC, partition, Decided(0), 0)}, state(), Outbox())
    writer = Writer(checkpoint)

    def turns(found: Sequence[Raw]) -> None:
        for start in range(0, len(found), POLL_RECORDS):
            task.take(planned, partition, found[start : start + POLL_RECORDS])
            if writer.write([task], time.monotonic(), at_once=True, behind=behind):
                raise RuntimeError("another process owns the task")
            task.outbox.take_unsent()
            task.flushed()
        writer.write([task], time.monotonic())

    turns(raw[:WARM])
    took = seconds(lambda: turns(raw[WARM:]))
    writer.close()
    return took


def fsync_write(client: "redis.Redis") -> float:
    """Return the median milliseconds of a fenced write that moves one offset."""
    checkpoint = Checkpoint(client, f"bench{next(_names)}")
    owner, _ = checkpoint.claim("1.0", "token")
    return wall_ms(lambda: checkpoint.write([Write(owner, checkpoint.number(), {"metrics": Decided(1)})]))


def wall_ms(work: Callable[[], object]) -> float:
    """Return the median milliseconds that *work* takes by the wall clock."""
    took = []
    for _ in range(WRITES):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)
