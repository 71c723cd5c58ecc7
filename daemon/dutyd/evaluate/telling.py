"""The clock of the marks by which source partitions tell by-key partitions how far they have come.

An event that was carried to a by-key topic is judged there (``merge``) only when every source partition has told that
it came as far. Each tells each, so marks are many small records: one round a second, and more while an event that this
process carried waits for a partition of its own that is behind it. ``path`` asks at each turn, and sends them.
"""

import math
from collections.abc import Iterable

from dutyd.evaluate.sources import Source

IDLE_SECONDS = 1.0
"""How often it is told while nothing waits: the timers of by-key entities go by it."""

SOON_SECONDS = 0.25
"""How often it is told while something waits, unless that were more than ``MOST`` records a second."""

MOST = 1_000


class Telling:
    """The clock of one evaluator's telling."""

    def __init__(self) -> None:
        self._told = -math.inf

    def is_due(self, clock: float, sources: Iterable[Source]) -> bool:
        """Whether *sources*, all there are, are to tell it now: *clock* in seconds, monotonic."""
        waited = clock - self._told
        if waited < SOON_SECONDS:
            return False
        telling = [each for each in sources if each.outlet is not None]
        due = bool(telling) and waited >= (_seconds(telling) if _awaited(telling) else IDLE_SECONDS)
        self._told = clock if due else self._told
        return due


def _awaited(telling: Iterable[Source]) -> bool:
    """Whether one of them carried an event that another has not come to."""
    return max(each.carried for each in telling) >= min(each.marked for each in telling)


def _seconds(telling: Iterable[Source]) -> float:
    records = sum(each.outlet.partitions for each in telling if each.outlet is not None)
    return min(max(SOON_SECONDS, records / MOST), IDLE_SECONDS)
