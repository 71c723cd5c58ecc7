"""What changes of latches cost, and what a slow disk adds: the evaluate path without a broker, as in ``decide``.

1,000 rules, 10,000 entities. In ``changes_N`` N per cent of the events open an incident or clear one; each change is in
the fenced write of its batch, and so is the trigger that it made. The baseline is the same without a change.
``slow_disk_1`` is ``changes_1`` at a Redis that answers 5 ms later, against the one that does not; in
``slow_disk_1_waited`` each write is waited for before the next batch is read, as it is by an evaluator that is not
behind. All by the wall clock: a write waits, whatever it costs the processor.
"""

from collections.abc import Iterator
from functools import partial

import redis

from decide import EVENTS, FIELDS, RULES, WARM, decide, trickling
from measure import in_turns, wall_seconds
from row import Row
from slow_disk import slow_disk
from support.valkey import running_valkey
from worlds import records, rules

NEVER = 10**9
PASSING = {"changes_0": NEVER, "changes_0.1": 1_000, "changes_1": 100, "changes_10": 10}
"""One event in so many passes a threshold. Not all of them fire (``where``, windows), most that do clear with the next
event of their entity and field: 0.11, 1.08 and 10.95 latches change with a hundred events."""

SLOWER = 0.005


def rows() -> Iterator[Row]:
    """Measure, and yield the rows ``changes_*``, ``slow_disk_1`` and ``slow_disk_1_waited``."""
    with (
        running_valkey() as url,
        redis.Redis.from_url(url) as fast,
        slow_disk(url, SLOWER) as later,
        redis.Redis.from_url(later) as slow,
    ):
        made = rules(RULES, FIELDS["decide_3"])
        raw = {name: records(EVENTS + WARM, FIELDS["decide_3"], passing=each) for name, each in PASSING.items()}
        path = partial(decide, made=made, state=trickling, seconds=wall_seconds)
        candidates = {name: partial(path, fast, raw=each) for name, each in raw.items()}
        candidates["slow_disk_1"] = partial(path, slow, raw=raw["changes_1"])
        candidates["slow_disk_1_waited"] = partial(path, slow, raw=raw["changes_1"], behind=False)
        found = {name: EVENTS / seconds for name, seconds in in_turns(candidates).items()}
    baseline = found.pop("changes_0")
    for name, value in found.items():
        against = found["changes_1"] if name.startswith("slow_disk") else baseline
        yield Row(name, value, "events/s", against, value / against)
