"""What the model has cost today, over all runs and workers: the sums that ``policy.model`` limits."""

from dataclasses import dataclass

from dutyd.ledger.effects import MICROS
from dutyd.ledger.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Spent:
    """The sums of one day (UTC, by the ledger's clock)."""

    tokens: int
    usd: float


class ModelSpend:
    """The day's sums of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def today(self) -> Spent:
        """Return what was spent today."""
        return await self.add(0, 0.0)

    async def add(self, tokens: int, usd: float) -> Spent:
        """Add what a run cost; return the day's sums."""
        answer = await self._scripts.run("model_spend", tokens, round(usd * MICROS))
        return Spent(int(answer[0]), int(answer[1]) / MICROS)
