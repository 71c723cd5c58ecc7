"""How many incidents a rule's throttle lets pass, judged in event time: what the ledger's scripts do with their clock.

Asked by ``rehearsal`` for each opening, and again when the time has come that it named.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from dutyd.core.incident import Entity
from dutyd.core.limits import Rate, Throttle


@dataclass(slots=True)
class Throttling:
    """The incidents that passed, of every rule."""

    _passed: dict[tuple[str, Entity | None], list[float]] = field(default_factory=dict)

    def until(self, rule: str, entity: Entity, throttle: Throttle, at: float) -> float | None:
        """Count an incident that opens *at*; return None where it passes, else when there is room again."""
        scopes = [((rule, None), throttle.per_rule), ((rule, entity), throttle.per_entity)]
        free = [when for key, rates in scopes for when in _full(self._passed.get(key, []), rates, at)]
        if free:
            return max(free)
        for key, rates in scopes:
            if rates:
                longest = max(rate.seconds for rate in rates)
                kept = [time for time in self._passed.get(key, []) if time > at - longest]
                self._passed[key] = sorted([*kept, at])
        return None


def _full(passed: list[float], rates: Iterable[Rate], at: float) -> Iterable[float]:
    """Yield, for each rate without room at *at*, when there is room again."""
    for rate in rates:
        recent = [time for time in passed if time > at - rate.seconds]
        if len(recent) >= rate.count:
            yield recent[-rate.count] + rate.seconds
