"""Budgets: what the next answer may take, and which budget ends a run."""

from dataclasses import dataclass

import pytest

from dutyd.act.agent.brief import Brief, EndKind
from dutyd.act.agent.journal import Turn
from dutyd.act.agent.meter import LEAST, Allowance, Meter
from dutyd.act.agent.model import Answer, Fault, Price, Question
from dutyd.core.step import Budget


@dataclass
class Hands:
    """A clock that is set by hand."""

    at: float = 100.0

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class Priced:
    """A model of which only the price and the limit are asked."""

    price: Price | None = None
    tokens: int = 5000

    async def ask(self, question: Question) -> Answer | Fault:
        raise AssertionError(f"a meter asks nothing: {question}")


MESSAGES = [{"role": "user", "content": "x" * 366}]  # 100 tokens with what surrounds it


def a_meter(budget: Budget, *turns: Turn, price: Price | None = None, clock: Hands | None = None) -> Meter:
    brief = Brief(incident="i", goal="g", functions=(), budget=budget)
    meter = Meter(brief, Priced(price), clock or Hands(), turns)
    for turn in turns:
        meter.note(turn)
    return meter


def a_turn(tokens: int = 0, usd: float = 0.0, seconds: float = 0.0) -> Turn:
    return Turn(1, {}, prompt_tokens=tokens, usd=usd, seconds=seconds)


def test_an_answer_may_take_what_is_left() -> None:
    allowance = a_meter(Budget(turns=2, seconds=60, tokens=2000), a_turn(1000)).allowance(MESSAGES)
    assert isinstance(allowance, Allowance)
    assert 880 <= allowance.tokens <= 900
    assert allowance.seconds == 60


def test_an_answer_never_takes_more_than_the_model_s_own_limit() -> None:
    allowance = a_meter(Budget()).allowance(MESSAGES)
    assert isinstance(allowance, Allowance)
    assert allowance.tokens == 5000


@pytest.mark.parametrize(
    ("budget", "turn", "end"),
    [
        (Budget(turns=1), a_turn(), EndKind.TURNS),
        (Budget(turns=0), None, EndKind.TURNS),
        (Budget(seconds=10), a_turn(seconds=10), EndKind.SECONDS),
        (Budget(tokens=1000), a_turn(1000), EndKind.TOKENS),
        (Budget(tokens=LEAST + 50), None, EndKind.TOKENS),
        (Budget(usd=0.01), a_turn(usd=0.01), EndKind.USD),
        (Budget(usd=0.001), None, EndKind.USD),
    ],
)
def test_each_budget_ends_a_run(budget: Budget, turn: Turn | None, end: EndKind) -> None:
    price = Price(input=1.0, output=4.0)
    assert a_meter(budget, *([turn] if turn else []), price=price).allowance(MESSAGES) is end


def test_money_bounds_the_length_of_an_answer() -> None:
    allowance = a_meter(Budget(usd=0.004), price=Price(input=0.0, output=4.0)).allowance(MESSAGES)
    assert allowance == Allowance(1000, 120.0)


def test_without_a_price_there_is_no_budget_in_money() -> None:
    meter = a_meter(Budget(usd=0.0))
    assert isinstance(meter.allowance(MESSAGES), Allowance)
    assert meter.end(EndKind.FINISHED).usd is None


def test_time_before_a_crash_counts() -> None:
    clock = Hands()
    meter = a_meter(Budget(seconds=60), a_turn(seconds=50), clock=clock)
    clock.at += 5
    assert meter.seconds == 55
    clock.at += 5
    assert meter.allowance(MESSAGES) is EndKind.SECONDS
