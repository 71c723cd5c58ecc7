"""What a run has used of its budget, and what the next answer may still take.

The loop asks before each request and notes each turn, replayed ones too, so that a crash gives nothing back.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from dutyd.act.agent.brief import Brief, End, EndKind
from dutyd.act.agent.clock import Clock
from dutyd.act.agent.journal import Turn
from dutyd.act.agent.model import Message, Model

LEAST = 256
"""Tokens below which an answer is not worth asking for: it would be cut."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the next answer may take."""

    tokens: int
    seconds: float


class Meter:
    """The meter of one run."""

    def __init__(self, brief: Brief, model: Model, clock: Clock, recorded: Sequence[Turn]) -> None:
        self._brief = brief
        self._model = model
        self._clock = clock
        self._began = clock.now() - (recorded[-1].seconds if recorded else 0.0)
        self._turns = 0
        self._tokens = 0
        self._usd = 0.0

    @property
    def seconds(self) -> float:
        """How long the run has taken, the time before a crash included."""
        return self._clock.now() - self._began

    def note(self, turn: Turn) -> None:
        """Count one turn."""
        self._turns += 1
        self._tokens += turn.prompt_tokens + turn.completion_tokens
        self._usd += turn.usd or 0.0

    def allowance(self, messages: Sequence[Message]) -> Allowance | EndKind:
        """Return what the answer to *messages* may take, or the budget that is used up."""
        budget = self._brief.budget
        seconds = budget.seconds - self.seconds
        if self._turns >= budget.turns:
            return EndKind.TURNS
        if seconds <= 0:
            return EndKind.SECONDS
        prompt = self.prompt_tokens(messages)
        tokens = min(self._model.tokens, budget.tokens - self._tokens - prompt)
        if tokens < LEAST:
            return EndKind.TOKENS
        price = self._model.price
        if budget.usd is not None and price is not None:
            left = budget.usd - self._usd - price.of(prompt, 0)
            affordable = left * 1_000_000 / price.output if price.output else math.inf
            if left <= 0 or affordable < LEAST:
                return EndKind.USD
            tokens = int(min(tokens, affordable))
        return Allowance(tokens, seconds)

    def prompt_tokens(self, messages: Sequence[Message]) -> int:
        """Estimate the tokens of a request: a quarter of its characters."""
        offered = [[function.name, function.about, function.parameters] for function in self._brief.functions]
        return estimate(messages) + estimate(offered)

    def end(self, kind: EndKind, detail: str = "", retry_after: float | None = None) -> End:
        """Return an end with what was used so far."""
        return End(
            kind=kind,
            detail=detail,
            retry_after=retry_after,
            turns=self._turns,
            tokens=self._tokens,
            usd=None if self._model.price is None else self._usd,
            seconds=self.seconds,
        )


def estimate(value: object) -> int:
    """Return about how many tokens a JSON value is."""
    return math.ceil(len(json.dumps(value, ensure_ascii=False, default=str)) / 4)
