"""What effects have spent of each day, on paper: the twin of that part of ``lua/reserve.lua``.

Effects hold their money when they are frozen, whether they are sent at once or wait for a person, and give it back when
they are refused after all. Days are those of UTC. ``paper_means`` has one for all incidents of a rehearsal.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from dutyd.ledger.effects import MoneyLimitsMicros

DAY = 86_400.0

_ALL = ""


@dataclass(slots=True)
class Spending:
    """The sums of each day: day and rule (empty: all rules) to millionths."""

    _held: defaultdict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))

    def hold(self, rule: str, micros: int, limits: MoneyLimitsMicros, at: float) -> str:
        """Hold money for an effect; return a reason, and hold nothing, where a limit of the day is in the way."""
        day = day_of(at)
        for name, limit, word in ((_ALL, limits.per_day, "per_day"), (rule, limits.per_rule_day, "per_rule_day")):
            if limit is not None and self._held[day, name] + micros > limit:
                return f"budget: {word}"
        self._add(rule, micros, day)
        return ""

    def release(self, rule: str, micros: int, at: float) -> None:
        """Give back what was held at *at*."""
        self._add(rule, -micros, day_of(at))

    def _add(self, rule: str, micros: int, day: int) -> None:
        self._held[day, rule] += micros
        self._held[day, _ALL] += micros


def day_of(at: float) -> int:
    """Return the number of the day (UTC) of *at*, seconds since the epoch."""
    return int(at // DAY)
