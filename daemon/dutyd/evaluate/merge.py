"""Brings the events of several source partitions back into the order in which they arrived.

A by-key partition holds events of all partitions of its source topic, each of which was read at a pace of its own:
after an outage an hour of one may come before the same hour of another. So an event waits until every source partition
is known to have come as far as its arrival; then what an entity sees is what it would see on a topic of one partition,
whoever read what when. Pure: ``sources`` adds what it reads, takes out what is in order, and counts what stood still.
"""

import heapq
import math
from collections.abc import Iterator
from typing import NamedTuple

from dutyd.core.event import Event
from dutyd.evaluate.by_key import Carried

MOST_WAITING = 200_000
"""Events that wait at most for a source partition that does not move; then the oldest go on without it."""


class InOrder(NamedTuple):
    """An event that is next.

    Attributes:
        partition: the source partition that it is from.
        per: the fields of the entity that it came for.
        offset: of the record that carried it.
        event: itself.

    """

    partition: int
    per: tuple[str, ...]
    offset: int
    event: Event


class Merge:
    """One by-key partition.

    Args:
        sources: how many partitions the source topic has.
        most: how many events may wait.

    """

    def __init__(self, sources: int, most: int = MOST_WAITING) -> None:
        self._reached = [-math.inf] * sources
        self._most = most
        self._heap: list[tuple[float, float, int, InOrder]] = []
        self._offsets: dict[int, None] = {}  # of what waits, in order
        self._gave_up = False
        self._stalled: list[int] = []

    @property
    def frontier(self) -> float:
        """What arrived before this time, seconds since the epoch, is here from every source partition."""
        return min(self._reached, default=math.inf)

    @property
    def oldest_offset(self) -> int | None:
        """The lowest offset of what waits."""
        return next(iter(self._offsets), None)

    def add(self, carried: Carried, offset: int) -> None:
        """Take what the record at *offset* carried."""
        if carried.partition < len(self._reached):
            self._reached[carried.partition] = max(self._reached[carried.partition], carried.upto)
        event = carried.event
        if event is not None:
            waits = InOrder(carried.partition, carried.per, offset, event)
            # What arrived together goes by its own time, and as the by-key topic has it.
            heapq.heappush(self._heap, (event.arrival, event.time, offset, waits))
            self._offsets[offset] = None

    def at_least(self, time: float) -> None:
        """Take note that what arrived before *time* waits for nobody."""
        self._reached = [max(each, time) for each in self._reached]

    def release(self) -> Iterator[InOrder]:
        """Yield what is next, in the order of arrival; what comes late comes first."""
        frontier = self.frontier
        self._gave_up = self._gave_up and len(self._heap) > self._most // 2
        while self._heap and (self._heap[0][0] < frontier or len(self._heap) > self._most):
            if self._heap[0][0] >= frontier:
                self._give_up(self._heap[0][0])
            waits = heapq.heappop(self._heap)[-1]
            del self._offsets[waits.offset]
            yield waits

    def take_stalled(self) -> list[int]:
        """Return, and forget, the source partitions that too much waited for: it goes on without them."""
        found, self._stalled = self._stalled, []
        return found

    def _give_up(self, time: float) -> None:
        if not self._gave_up:
            self._stalled = [number for number, reached in enumerate(self._reached) if reached <= time]
        self._gave_up = True
        self.at_least(time)
