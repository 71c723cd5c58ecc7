"""Done effects that are still to be held against their systems, and what the looks found.

Every effect that ends as DONE waits here for one look (``lua/common.lua``); ``act.sweep`` is the only caller. Of all
workers one sweeps, under a lease that each look renews.
"""

from dataclasses import dataclass
from enum import StrEnum

from dutyd.ledger.effects import Effect, effect_of
from dutyd.ledger.scripts import Scripts, mapping, ms, text


class Look(StrEnum):
    """What a look at a done effect found."""

    FINE = "fine"  # it is there once, or its system forgets what is over
    MISSING = "missing"
    DOUBLE = "double"
    UNSEARCHABLE = "unsearchable"  # nobody there can be asked
    LET_GO = "let go"  # it could not be asked about in time

    @property
    def is_breach(self) -> bool:
        """Whether what was promised is not so."""
        return self in (Look.MISSING, Look.DOUBLE)


@dataclass(frozen=True, slots=True)
class Done:
    """A done effect, and how many seconds ago it ended."""

    effect: Effect
    ago: float


class Sweeps:
    """The sweeps of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def take(self, who: str, lease: float) -> Done | None:
        """Return the effect that has been due for a look longest; None where there is none, or another sweeps.

        *who* is a token of this process alone; for *lease* seconds from now nobody else sweeps.
        """
        answer = await self._scripts.run("sweep", who, ms(lease))
        return Done(effect_of(mapping(answer[2:])), int(answer[1]) / 1000) if len(answer) > 1 else None

    async def later(self, who: str, key: str, seconds: float) -> None:
        """Look at it again in *seconds*."""
        await self._scripts.run("swept", who, key, "later", ms(seconds))

    async def note(self, who: str, key: str, look: Look, found: str = "") -> bool:
        """Note what was *found*; return False where another sweeps by now: what they find counts."""
        return text(await self._scripts.run("swept", who, key, look, found)) == "own"

    async def release(self, who: str) -> None:
        """Let another sweep at once."""
        await self._scripts.run("sweep", who, 0)
