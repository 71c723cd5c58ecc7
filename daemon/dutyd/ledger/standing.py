"""How an installation stands: what waits, what is parked, what was spent today; and which notices were told.

``ops.standing`` looks every few seconds; ``ops.notices`` remembers here what it told, so that of all processes one
tells, once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dutyd.core.incident import EffectState
from dutyd.core.model_use import ModelUse
from dutyd.ledger.effects import MICROS
from dutyd.ledger.scripts import Scripts, mapping, text

MOST_NAMES = 100
"""Names that one look brings at most."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One look at the ledger.

    Attributes:
        oldest_due: seconds that the oldest due incident waits for a worker; 0: none does.
        busy: incidents that go on by themselves.
        effects: how many are in each state that is no end, and PARKED.
        parked: keys of parked effects, the first hundred, and how often each was sent.
        stuck, stuck_ids: incidents that something unexpected has stopped: how many, and the first hundred ids.
        approvals: keys of calls that wait for approval, and for how many seconds, a hundred at most.
        model_rejects: whether the model's host has turned us away today: no waiting mends that.
        braked: rules that opened too many incidents: new ones wait for approval.
        breaches: keys of done effects that a later look did not find once, and what it found.
        unanswered: ``INCIDENT/STEP`` of questions that ended without an answer in the last day, the newest hundred.
        day: the ledger's day (UTC), as a number; what a day's limits count.
        model: what the model took today; runs that have not ended are not in it.
        model_of: the same for each rule.
        money: what effects spend today, in the policy's currency.
        money_of: the same for each rule.

    """

    oldest_due: float
    busy: int
    effects: Mapping[EffectState, int]
    parked: Mapping[str, int]
    stuck: int
    stuck_ids: Sequence[str]
    model_rejects: bool
    braked: Sequence[str]
    breaches: Mapping[str, str]
    unanswered: Sequence[str]
    approvals: Mapping[str, float]
    day: str
    model: ModelUse
    model_of: Mapping[str, ModelUse]
    money: float
    money_of: Mapping[str, float]


class Standings:
    """The standing of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def now(self) -> Standing:
        """Look once."""
        found = await self._scripts.run("standing", MOST_NAMES)
        waits, busy, counts, parked, spent, day, stuck, stuck_ids, waiting, rejects, braked, breaches, unanswered = (
            found
        )
        sums = {name: int(value) for name, value in mapping(spent).items()}
        return Standing(
            oldest_due=int(waits) / 1000,
            busy=int(busy),
            effects={EffectState(state): int(count) for state, count in mapping(counts).items()},
            parked={name: int(attempts) for name, attempts in mapping(parked).items()},
            stuck=int(stuck),
            stuck_ids=[text(name) for name in stuck_ids],
            approvals={name: int(waited) / 1000 for name, waited in mapping(waiting).items()},
            model_rejects=bool(rejects),
            braked=sorted(text(rule) for rule in braked),
            breaches=mapping(breaches),
            unanswered=[text(name) for name in unanswered],
            day=text(day),
            model=ModelUse(sums.get("model_tokens", 0), sums.get("model_micros", 0) / MICROS),
            model_of={
                name.removeprefix("model_tokens:"): ModelUse(value, sums[name.replace("tokens", "micros", 1)] / MICROS)
                for name, value in sums.items()
                if name.startswith("model_tokens:")
            },
            money=sums.get("all", 0) / MICROS,
            money_of={
                name.removeprefix("rule:"): value / MICROS for name, value in sums.items() if name.startswith("rule:")
            },
        )

    async def untold(self, things: Sequence[str]) -> list[str]:
        """Return those of *things* that nobody told before, and remember all of them as told."""
        return [text(thing) for thing in await self._scripts.run("tell", *things)] if things else []

    async def forget(self, things: Sequence[str]) -> None:
        """Take back that *things* are told: they never left."""
        if things:
            await self._scripts.read("zrem", self._scripts.key("told"), *things)
