"""The newest event times of entities that need no track: all that is remembered of most, so that late events are told.

Two generations, as with repeats (``duplicates``): they are forgotten together, so that memory is bounded.
"""

import math
from collections.abc import Iterator

from dutyd.evaluate.engine.entities import Key

LONG_AGO = -math.inf
"""The newest time of an entity that nothing is known of."""


class Quiet:
    """The entities without a track.

    Attributes:
        young: entity to its newest event time, of those seen since ``forget`` was last called.

    """

    __slots__ = ("_old", "young")

    def __init__(self) -> None:
        self.young: dict[Key, float] = {}
        self._old: dict[Key, float] = {}

    def newest(self, key: Key) -> float:
        """Return the newest event time of *key*; minus infinity where none is known."""
        newest = self.young.get(key)
        return self._old.get(key, LONG_AGO) if newest is None else newest

    def times(self) -> Iterator[float]:
        """Yield all times."""
        yield from self.young.values()
        yield from self._old.values()

    def forget(self) -> None:
        """Forget those that were not seen since this was last called."""
        self._old, self.young = self.young, {}
