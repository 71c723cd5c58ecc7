"""What a desk works with, in place of ledger, providers, model and people (``act.means`` on paper).

A ``Script`` says what these would have said; without one the model is down, tools answer nothing, and what asks a
person waits. ``Spending`` counts the day as the ledger does. One ``PaperMeans`` serves all incidents of a rehearsal.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dutyd.act.gateway import Gate, Outcome
from dutyd.act.means import Waits
from dutyd.act.perform import money_limits
from dutyd.core.incident import EffectState
from dutyd.core.money import Money
from dutyd.core.policy import Policy
from dutyd.ledger.effects import MICROS
from dutyd.rules.known import Known
from dutyd.rules.rehearsal.spending import Spending

Decisions = Mapping[str, Mapping[str, Any]]
"""Step to names and values: what the model decides, or what a call gives."""


class Approvals(StrEnum):
    """What people say to calls that ask them."""

    WAIT = "wait"  # nothing: they wait
    GRANTED = "granted"  # yes, at once
    DENIED = "denied"  # no, at once
    EXPIRE = "expire"  # nothing, until their time is over


@dataclass(frozen=True, slots=True)
class Script:
    """What others would have said.

    Attributes:
        model: step to the arguments that the model decides; None: the model is down.
        hostile: whether the model does its worst instead.
        results: step to what its call gives, for reading tools and for ids.
        approvals: what people say.
        lifetime: seconds until an approval that nobody gave is a denial.
        paused: what they have paused: ``all``, ``rule:R``, ``tool:T``.

    """

    model: Decisions | None = None
    hostile: bool = False
    results: Decisions = field(default_factory=dict)
    approvals: Approvals = Approvals.WAIT
    lifetime: float = Waits().approval
    paused: frozenset[str] = frozenset()

    def pauses(self, rule: str, tool: str) -> bool:
        """Whether effects of *tool* by *rule* are paused."""
        return not self.paused.isdisjoint(("all", f"rule:{rule}", f"tool:{tool}"))


@dataclass(slots=True)
class PaperMeans:
    """The means of one desk.

    Attributes:
        now: the time of what is being done, seconds since the epoch.

    """

    known: Known
    script: Script
    spending: Spending = field(default_factory=Spending)
    now: float = -math.inf

    @property
    def policy(self) -> Policy:
        """The ceiling."""
        return self.known.policy or Policy()

    def after_gates(self, rule: str, tool: str, spent: Money | None, verdict: Gate) -> tuple[EffectState, str]:
        """Return the state, and why, of a call that the gates have judged: the day's money, people, a pause."""
        if verdict.outcome in (Outcome.REFUSE, Outcome.OBSERVE):
            return EffectState.REFUSED, "observe" if verdict.outcome is Outcome.OBSERVE else verdict.reason
        if over := self.spending.hold(rule, _micros(spent), money_limits(self.policy), self.now):
            return EffectState.REFUSED, over
        asks = verdict.outcome is Outcome.ASK
        if asks and self.script.approvals is Approvals.DENIED:
            self.release(rule, spent, self.now)
            return EffectState.REFUSED, "denied"
        if asks and self.script.approvals is not Approvals.GRANTED:
            return EffectState.AWAITING_APPROVAL, verdict.reason
        return (EffectState.RESERVED, "paused") if self.script.pauses(rule, tool) else (EffectState.DONE, "")

    def release(self, rule: str, spent: Money | None, at: float) -> None:
        """Give back the money that was held at *at*."""
        self.spending.release(rule, _micros(spent), at)


def _micros(spent: Money | None) -> int:
    return 0 if spent is None else int(spent.amount * MICROS)
