"""What the model takes of a day, over all runs and workers: what runs took, and what those under way may take yet.

``act.run`` reserves a run's worst case before the model is asked and settles it at the end, so that however many runs
are under way at once, together they stay within ``policy.model``. What a run that died holds stays held until its
incident is taken up again, which replaces it, at most to the end of the day (UTC, by the ledger's clock): what it took
is counted nowhere else. A run counts for the day that it was reserved in. A worker that dies between the settling and
the note of the run's end has its run counted twice, never not at all.
"""

from dataclasses import asdict, dataclass

import msgspec

from dutyd.core.model_use import ModelLimits, ModelUse
from dutyd.ledger.claims import Claim
from dutyd.ledger.effects import MICROS, LostError
from dutyd.ledger.scripts import Scripts, text


@dataclass(frozen=True, slots=True)
class Reserved:
    """The run may begin.

    Attributes:
        day: the ledger's day that holds it, as a number.

    """

    day: str


@dataclass(frozen=True, slots=True)
class NoRoom:
    """What the run may take is more than is left.

    Attributes:
        limit: the name of the limit in ``policy.model``.

    """

    limit: str


class ModelSpend:
    """What the model takes of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def reserve(self, claim: Claim, most: ModelUse, limits: ModelLimits) -> Reserved | NoRoom:
        """Hold what the run of *claim* may take at most, in place of what it held before.

        Raises:
            LostError: the lease is another worker's now.

        """
        bounds = {
            name: limit if limit is None or name.startswith("tokens") else round(limit * MICROS)
            for name, limit in asdict(limits).items()
        }
        answer, about = await self._scripts.run(
            "model_reserve",
            claim.id,
            claim.fence,
            claim.rule,
            most.tokens,
            round(most.usd * MICROS),
            msgspec.json.encode(bounds),
        )
        if text(answer) == "lost":
            raise LostError(claim.id)
        return Reserved(text(about)) if text(answer) == "held" else NoRoom(text(about))

    async def settle(self, claim: Claim, reserved: Reserved, used: ModelUse) -> None:
        """Count what the run took, and give back what it held.

        Raises:
            LostError: the lease is another worker's now, who plays the same run to its end, and counts it.

        """
        answer = await self._scripts.run(
            "model_settle", claim.id, claim.fence, claim.rule, reserved.day, used.tokens, round(used.usd * MICROS)
        )
        if text(answer) == "lost":
            raise LostError(claim.id)
