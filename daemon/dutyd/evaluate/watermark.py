"""The watermark of one source partition: up to when its events are thought to be all here.

It drives the timers of quiet entities (``engine.tick``) and nothing else: events are judged when they are read. Newest
event time less the topic's lateness; while the partition provably is read to its end, the time that has passed since
that newest record is added, so that a timer fires in a silent topic, too. Pure: ``now`` comes in.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter

from dutyd.core.event import Event

NOTHING = float("-inf")
"""The watermark of a partition of which nothing is known yet: no timer may fire."""


class Watermark:
    """The watermark of one partition; it never goes back.

    Attributes:
        at: seconds since the epoch, event time.

    """

    __slots__ = ("_arrival", "_lateness", "_newest", "at")

    @property
    def newest(self) -> float:
        """The newest event time that was read; minus infinity without one."""
        return NOTHING if self._newest is None else self._newest

    def __init__(self, lateness: float) -> None:
        self._lateness = lateness
        self._newest: float | None = None
        self._arrival = 0.0
        self.at = NOTHING

    def saw(self, events: Sequence[Event]) -> None:
        """Take note of events that were read."""
        if not events:
            return
        newest = max(events, key=attrgetter("time"))
        if self._newest is None or newest.time > self._newest:
            self._newest, self._arrival = newest.time, newest.arrival

    def move(self, now: float, *, read_to_end: bool) -> float:
        """Return the watermark at *now*, the wall clock's seconds since the epoch.

        A partition that holds nothing has nothing to wait for: its watermark is *now* less the lateness.
        """
        if self._newest is None:
            found = now - self._lateness if read_to_end else NOTHING
        else:
            quiet = max(0.0, now - self._arrival) if read_to_end else 0.0
            found = self._newest - self._lateness + quiet
        self.at = max(self.at, found)
        return self.at


def lowest(watermarks: Iterable[float]) -> float:
    """Return the watermark of a task: the lowest of its partitions'."""
    return min(watermarks, default=NOTHING)
