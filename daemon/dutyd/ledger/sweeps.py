"""Done effects that are still to be held against their systems, and what the looks found.

Every effect that ends as DONE waits here for one look (``lua/common.lua``); ``act.sweep`` is the only caller. Of all
workers one sweeps, under a lease that its token renews with each turn.
"""

from dataclasses import dataclass
from enum import StrEnum

from dutyd.ledger.effects import Effect, effect_of
from dutyd.ledger.scripts import Scripts, mapping, ms, text


class Look(StrEnum):
    """What a look at a done effect found."""

    FINE = "fine"  # it is there once, or nobody can be asked
    MISSING = "missing"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True)
class Done:
    """A done effect, and how many seconds ago it ended."""

    effect: Effect
    ago: float


class Sweeps:
    """The sweeps of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def take(self, who: str, lease: float, limit: int) -> list[Done]:
        """Return at most *limit* effects to look at, the oldest first; none where another sweeps.

        Args:
            who: a token of this process alone.
            lease: seconds for which nobody else sweeps.
            limit: as many as are looked at within the lease.

        """
        answer = await self._scripts.run("sweep", who, ms(lease), limit)
        return [Done(effect_of(mapping(flat[1:])), int(flat[0]) / 1000) for flat in answer[1:]]

    async def later(self, who: str, key: str, seconds: float) -> None:
        """Look at it again in *seconds*."""
        await self._scripts.run("swept", who, key, "later", ms(seconds))

    async def note(self, who: str, key: str, look: Look, found: str = "") -> bool:
        """Note what was *found*; return False where another sweeps by now: what they find counts."""
        return text(await self._scripts.run("swept", who, key, look, found)) == "own"
