"""Which events were read already: identities of the last ``lateness`` + 5 min of arrival, bounded by count.

An identity is kept as a 64-bit hash with its arrival, in two generations: when the young one is older than the span,
or full, it becomes the old one and the old one is forgotten. So memory is bounded (about 100 bytes an identity), a
repeat within the span is always found unless more than *limit* events came in between, and whether an event counts as
a repeat depends on arrivals alone, never on when a process was started.

Two different events are taken for one with a chance of 1 in 2**64 for each pair that is held: with a million held,
once in some thousand years at a hundred thousand events a second.
"""

import math
from collections.abc import Callable, Iterable, Iterator

from dutyd.core.event import Event

ALLOWANCE = 300.0
"""Seconds of arrival, on top of a topic's lateness, within which a repeat is known."""


class Duplicates:
    """The identities of one topic.

    Attributes:
        on_forget: called when the old generation is forgotten.
        found: how many repeats there were.
        ahead: how many events said a time later than their arrival.

    """

    __slots__ = ("_limit", "_old", "_span", "_until", "_young", "ahead", "found", "on_forget")

    def __init__(self, lateness: float, limit: int) -> None:
        """Know repeats within *lateness* + 5 min of arrival, and at least *limit* events back."""
        self._span = lateness + ALLOWANCE
        self._limit = limit
        self._until = -math.inf
        self._young: dict[int, float] = {}
        self._old: dict[int, float] = {}
        self.found = self.ahead = 0
        self.on_forget: Callable[[], None] = lambda: None

    def fresh(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield those of *events* that were not read within the span, and remember them; count the others."""
        young, old, limit, span = self._young, self._old, self._limit, self._span
        for event in events:
            arrival = event.arrival
            if arrival >= self._until or len(young) >= limit:
                old = self._old = young
                young = self._young = {}
                self._until = arrival + span
                self.on_forget()
            time = event.told
            if time is None:
                time = event.time
            else:
                self.ahead += 1
            identity = hash((event.id, event.source, time))
            before = young.get(identity)
            if before is None and old:
                before = old.get(identity)
            if before is None or arrival - before > span:
                young[identity] = arrival
                yield event
            else:
                self.found += 1
