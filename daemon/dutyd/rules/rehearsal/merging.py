"""Several histories as one: batches of each topic in, batches of all of them out, in the order of arrival.

What a task sees of several topics depends on which record came first. A history is read only as far as the others
have come, so that little has to be kept; of a single one nothing is. Called by ``backtest``'s command.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby

from dutyd.core.event import Event
from dutyd.rules.rehearsal.histories import Batch

_Pair = tuple[str, Event]


@dataclass(slots=True)
class _Source:
    """One history: what was read of it and waits for the others, by partition; *reached*: its newest arrival."""

    batches: Iterator[Batch]
    reached: float = -math.inf
    waiting: dict[int, list[_Pair]] = field(default_factory=lambda: defaultdict(list))

    def keep(self, batch: Batch) -> None:
        """Let the events of *batch* wait."""
        self.waiting[batch.partition] += [(batch.topic, event) for event in batch.events]
        self.reached = max([self.reached, *(event.arrival for event in batch.events)])

    def take(self, partition: int, until: float) -> list[_Pair]:
        """Take away what may go of *partition*: what came by *until*."""
        waiting = self.waiting[partition]
        stays = next((at for at, (_, event) in enumerate(waiting) if event.arrival > until), len(waiting))
        self.waiting[partition] = waiting[stays:]
        return waiting[:stays]


def merged(histories: Sequence[Iterator[Batch]]) -> Iterator[Batch]:
    """Yield the batches of all *histories*, each partition in the order of arrival."""
    if len(histories) == 1:
        yield from histories[0]
        return
    sources = [_Source(batches) for batches in histories]
    alive = list(sources)
    while alive:
        behind = min(alive, key=lambda source: source.reached)
        batch = next(behind.batches, None)
        if batch is None:
            alive.remove(behind)
        else:
            behind.keep(batch)
            yield Batch(batch.topic, batch.partition, (), batch.unread, batch.read)
        yield from _released(sources, min((source.reached for source in alive), default=math.inf))


def _released(sources: Sequence[_Source], until: float) -> Iterator[Batch]:
    for partition in sorted({number for source in sources for number in source.waiting}):
        parts = [source.take(partition, until) for source in sources]
        ordered = merge(*parts, key=lambda pair: pair[1].arrival)
        for topic, pairs in groupby(ordered, key=lambda pair: pair[0]):
            yield Batch(topic, partition, [event for _, event in pairs], (), 0)
