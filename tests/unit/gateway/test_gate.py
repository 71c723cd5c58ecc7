"""The gates before an effect: each has its direction when something is unknown, and none opens by accident."""

from decimal import Decimal
from typing import Any

import pytest

from dutyd.act.gateway import Gate, Outcome, gate
from dutyd.core.expr import Look, parse
from dutyd.core.policy import MoneyLimits, Policy
from dutyd.core.rule import Mode
from dutyd.core.step import Step
from support.grants import CATALOGUE, an_order, names

ORDER = {"sku": "A-1", "quantity": 24, "unit_price": 2.5}
TOOL = CATALOGUE["draft_order"]
OPEN = Policy()


def asked(
    args: dict[str, Any] | None = None,
    *,
    step: Step | None = None,
    policy: Policy = OPEN,
    mode: Mode = Mode.ACT,
    look: Look | None = None,
) -> Gate:
    return gate(step or an_order(), ORDER | (args or {}), TOOL, look or names(), policy, mode)


def test_a_call_under_every_limit_goes_out() -> None:
    assert asked() == Gate(Outcome.SEND)


def test_a_condition_that_holds_closes_its_gate() -> None:
    assert asked({"quantity": 48}) == Gate(Outcome.ASK, "approval_if: quantity * unit_price > 100")
    assert asked({"quantity": 4800}) == Gate(Outcome.REFUSE, "refuse_if: quantity * unit_price > 5000")


def test_a_condition_that_is_unknown_closes_its_gate() -> None:
    look = names(budget=None)
    assert asked(step=an_order(refuse_if=parse("budget < 5")), look=look) == Gate(
        Outcome.REFUSE, "refuse_if is unknown: budget < 5"
    )
    assert asked(step=an_order(approval_if=parse("budget < 5")), look=look) == Gate(
        Outcome.ASK, "approval_if is unknown: budget < 5"
    )


def test_a_condition_that_is_no_yes_or_no_counts_as_unknown() -> None:
    assert asked(step=an_order(refuse_if=parse("quantity"))).outcome is Outcome.REFUSE
    assert asked(step=an_order(approval_if=parse("quantity"))).outcome is Outcome.ASK


def test_the_call_s_own_arguments_come_before_the_event_s_fields() -> None:
    cheap_event = names(unit_price=0.01, quantity=1)
    assert asked({"quantity": 48}, look=cheap_event).outcome is Outcome.ASK
    assert asked(step=an_order(refuse_if=parse("has(pack_size) && pack_size > 5"))).outcome is Outcome.REFUSE


def test_money_counts_as_its_amount_in_conditions() -> None:
    assert asked({"unit_price": "100.50 EUR"}).outcome is Outcome.ASK


def test_a_false_argument_is_an_argument() -> None:
    step = an_order(refuse_if=parse("note == ''"), approval_if=None)
    assert asked({"note": ""}, step=step, look=names(note="from the event")).outcome is Outcome.REFUSE


@pytest.mark.parametrize(
    ("ceiling", "tool", "rule", "outcome"),
    [
        (Mode.ACT, Mode.ACT, Mode.ACT, Outcome.SEND),
        (Mode.APPROVE, Mode.ACT, Mode.ACT, Outcome.ASK),
        (Mode.ACT, Mode.APPROVE, Mode.ACT, Outcome.ASK),
        (Mode.ACT, Mode.ACT, Mode.APPROVE, Outcome.ASK),
        (Mode.OBSERVE, Mode.ACT, Mode.ACT, Outcome.OBSERVE),
        (Mode.ACT, Mode.OBSERVE, Mode.APPROVE, Outcome.OBSERVE),
        (Mode.APPROVE, Mode.ACT, Mode.OBSERVE, Outcome.OBSERVE),
        (Mode.ACT, None, Mode.ACT, Outcome.REFUSE),
    ],
)
def test_the_lowest_mode_of_all_counts(ceiling: Mode, tool: Mode | None, rule: Mode, outcome: Outcome) -> None:
    assert asked(policy=Policy(mode=ceiling, tools={"draft_order": tool}), mode=rule).outcome is outcome


def test_a_refusal_is_told_in_observe_mode_too() -> None:
    assert asked({"quantity": 4800}, mode=Mode.OBSERVE).outcome is Outcome.REFUSE


def limited(amount: str, currency: str = "EUR") -> Policy:
    return Policy(money=MoneyLimits(currency=currency, per_effect=Decimal(amount)))


def test_an_effect_over_the_ceiling_of_money_is_refused() -> None:
    assert asked(policy=limited("60")).outcome is Outcome.SEND
    assert asked(policy=limited("59.99")) == Gate(Outcome.REFUSE, "money: 60.00 is more than 59.99 EUR")


def test_an_amount_in_another_currency_is_refused() -> None:
    gated = asked({"unit_price": "1 USD"}, policy=limited("1000"))
    assert gated == Gate(Outcome.REFUSE, "money: 24.0 USD can't be compared with the policy's limits in EUR")


def test_an_unknown_amount_is_refused_under_a_ceiling_only() -> None:
    free = an_order(refuse_if=None, approval_if=None)
    assert asked({"unit_price": None}, step=free).outcome is Outcome.SEND
    assert asked({"unit_price": None}, step=free, policy=limited("1000")) == Gate(
        Outcome.REFUSE, "money: the amount is unknown, and the policy limits money"
    )


def test_arguments_that_the_tool_no_longer_takes_are_refused() -> None:
    gated = asked({"colour": "red"})
    assert gated.outcome is Outcome.REFUSE
    assert gated.reason.startswith("arguments: ")
