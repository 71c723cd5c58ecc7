"""One claimed incident in work: its rule, its newest evidence, and what became of each step so far.

Nothing is remembered between claims but the ledger: ``recall`` takes up what stands there, so that a crash and a retry
are the same thing. ``path`` works with it, ``perform`` and ``run`` do single steps with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from dutyd.act.effects import Sender, result_of
from dutyd.act.lease import Lease
from dutyd.act.means import Means
from dutyd.act.names import names_of
from dutyd.act.steps import StepResult, StepState, recall_result
from dutyd.core.expr import Look
from dutyd.core.incident import Trigger
from dutyd.core.rule import Rule, Step
from dutyd.ledger.effects import LostError
from dutyd.ledger.incidents import Claim, Hold, Waiting


@dataclass(frozen=True, slots=True)
class Rest:
    """How an incident is given back.

    Attributes:
        waiting: what it waits for.
        due: seconds until it should be worked again; None: not by itself.
        close: whether nothing more will happen.

    """

    waiting: Waiting = Waiting.NOTHING
    due: float | None = None
    close: bool = False


@dataclass(slots=True)
class Episode:
    """The work on one claim.

    Attributes:
        rule: the tighter of the accepted and the current rule.
        trigger: the newest: the opening, or the clear.
        summary: replaces the rule's summary (roll-up pages).
        results: what became of each step so far.

    """

    means: Means
    claim: Claim
    lease: Lease
    rule: Rule
    trigger: Trigger
    summary: str | None = None
    results: dict[str, StepResult] = field(default_factory=dict)

    @property
    def look(self) -> Look:
        """The names that expressions read, with the results so far."""
        return names_of(self.rule, self.trigger, self.results, summary=self.summary)

    async def recall(self, steps: Iterable[Step], *, clear: bool = False) -> None:
        """Take up what the ledger remembers: ended results as they are, open effects as far as they go now."""
        wanted = {step.name: step for step in steps}
        noted = await self.means.ledger.incidents.steps(self.claim.id)
        self.results.update({name: recall_result(value) for name, value in noted.items() if name in wanted})
        for effect in await self.means.ledger.effects.of(self.claim.id):
            if effect.clear is not clear or effect.step not in wanted:
                continue
            if effect.state.ended:
                self.results[effect.step] = result_of(effect)
            else:
                self.results[effect.step] = await self.sender(wanted[effect.step]).go_on(effect)

    def sender(self, step: Step) -> Sender:
        """Return who sends *step*'s effects."""
        tool = self.means.catalogue[step.tool]
        provider = self.means.providers[tool.family]
        return Sender(self.means.ledger.effects, self.claim, self.lease, tool, provider, step.if_unsure)

    def saw(self, hold: Hold) -> None:
        """Take in what the ledger said of our claim.

        Raises:
            LostError: another worker has it.

        """
        self.lease.saw(hold)
        if hold is Hold.LOST:
            raise LostError(self.claim.id)

    def rest(self, *, close: bool = False) -> Rest:
        """Return when it should be looked at again: the earliest of what its steps wait for; else it may be closed."""
        waiting = [result for result in self.results.values() if result.state is StepState.WAITING]
        timed = [result for result in waiting if result.due is not None]
        if timed:
            first = min(timed, key=lambda result: result.due or 0.0)
            return Rest(Waiting(first.waiting), first.due)
        return Rest(Waiting(waiting[0].waiting)) if waiting else Rest(close=close)
