"""Done effects that are still to be held against their systems, and what the looks found.

Every effect that ends as DONE waits here for one look (``lua/common.lua``); ``act.sweep`` is the only caller. Of all
workers one sweeps, under a lease that each look renews.
"""

from dataclasses import dataclass
from enum import StrEnum

from dutyd.ledger.effects import Effect, effect_of
from dutyd.ledger.scripts import Scripts, mapping, ms, text

LEASE_SECONDS = 60.0
"""How long nobody else sweeps after a look: a worker that died is replaced after that."""


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

    async def take(self, who: str, limit: int) -> list[Done]:
        """Return at most *limit* effects to look at, the oldest first; none where another sweeps.

        *who* is a token of this process alone.
        """
        answer = await self._scripts.run("sweep", who, ms(LEASE_SECONDS), limit)
        return [Done(effect_of(mapping(flat[1:])), int(flat[0]) / 1000) for flat in answer[1:]]

    async def later(self, who: str, key: str, seconds: float) -> None:
        """Look at it again in *seconds*."""
        await self._scripts.run("swept", who, ms(LEASE_SECONDS), key, "later", ms(seconds))

    async def note(self, who: str, key: str, look: Look, found: str = "") -> bool:
        """Note what was *found*; return False where another sweeps by now: what they find counts."""
        return text(await self._scripts.run("swept", who, ms(LEASE_SECONDS), key, look, found)) == "own"

    async def release(self, who: str) -> None:
        """Let another sweep at once."""
        await self._scripts.run("sweep", who, 0, 0)
