"""A rule that was narrowed binds incidents accepted before; one that was widened does not."""

from collections.abc import Mapping
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.act.gateway import Accepted, Call, gate, judge, offered, tighten
from dutyd.core.expr import Template, parse, parse_template
from dutyd.core.policy import Policy
from dutyd.core.rule import Mode, Rule
from dutyd.core.step import Agent, Bound, Budget, Step
from support.grants import CATALOGUE, a_rule, a_ticket, an_order, names


def test_the_same_rule_stays_as_it_is() -> None:
    rule = a_rule()
    assert tighten(rule, rule) == rule


def test_of_a_rule_that_is_gone_only_the_clearing_is_left() -> None:
    rule = a_rule(on_clear={"resolve": a_ticket(name="resolve", decide={})})
    tight = tighten(rule, None)
    assert (dict(tight.steps), tight.agent, set(tight.on_clear)) == ({}, None, {"resolve"})


def test_a_step_that_is_gone_or_has_another_tool_is_not_granted() -> None:
    rule = a_rule()
    assert set(tighten(rule, a_rule(a_ticket())).steps) == {"ticket"}
    assert set(tighten(rule, a_rule(an_order(tool="create_ticket"), a_ticket())).steps) == {"ticket"}


def test_a_new_step_is_not_added() -> None:
    assert set(tighten(a_rule(a_ticket()), a_rule()).steps) == {"ticket"}


@pytest.mark.parametrize("pair", [(Mode.ACT, Mode.OBSERVE), (Mode.OBSERVE, Mode.ACT)])
def test_the_lower_mode_counts(pair: tuple[Mode, Mode]) -> None:
    assert tighten(a_rule(mode=pair[0]), a_rule(mode=pair[1])).mode is Mode.OBSERVE


def with_agent(*reads: str, budget: Budget) -> Rule:
    return a_rule(agent=Agent(parse_template("goal"), reads, budget))


def test_questions_and_budgets_are_those_of_both() -> None:
    one = with_agent("a", "b", budget=Budget(6, 60, 1000, None))
    other = with_agent("b", "c", budget=Budget(3, 90, 5000, 0.5))
    agent = tighten(one, other).agent
    assert agent is not None
    assert agent.reads == ("b",)
    assert agent.budget == Budget(3, 60, 1000, 0.5)


def test_no_agent_now_means_no_model() -> None:
    assert tighten(a_rule(), a_rule(agent=None)).agent is None


def only(rule: Rule) -> Step:
    (step,) = rule.steps.values()
    return step


def both(accepted: Step, current: Step) -> Rule:
    return tighten(a_rule(accepted), a_rule(current))


def test_what_either_state_binds_the_model_does_not_decide() -> None:
    open_, closed = an_order(), an_order(decide={}, args={"quantity": parse_template(12)})
    for accepted, current in ((open_, closed), (closed, open_)):
        step = only(both(accepted, current))
        assert dict(step.decide) == {}
        assert step.args["quantity"] == parse_template(12)


def test_what_both_bind_stays_as_it_was_accepted() -> None:
    step = only(both(an_order(), an_order(args={"sku": parse_template("B-2")})))
    assert step.args["sku"] == parse_template("{{ sku }}")


def test_a_fallback_that_was_taken_away_is_gone() -> None:
    assert only(both(an_order(), an_order(fallback=None))).fallback is None
    assert only(both(an_order(fallback=None), an_order())).fallback is None


def test_conditions_of_both_states_hold() -> None:
    strict = an_order(refuse_if=parse("quantity > 12"), approval_if=None, if_=parse("pack_size > 1"))
    for accepted, current in ((an_order(), strict), (strict, an_order())):
        step = only(both(accepted, current))
        args = {"sku": "A", "quantity": 24, "unit_price": 1}
        assert gate(step, args, CATALOGUE["draft_order"], names(), Policy(), Mode.ACT).outcome == "refuse"
        assert step.approval_if == parse("quantity * unit_price > 100")
        assert step.if_ == parse("pack_size > 1")


@pytest.mark.parametrize(
    ("one", "other", "both_allow"),
    [("repeat", "skip", "skip"), ("repeat", None, None), ("skip", None, "skip"), ("repeat", "repeat", "repeat")],
)
def test_what_is_unsure_is_repeated_only_where_both_say_so(
    one: Literal["skip", "repeat"], other: Literal["skip", "repeat"] | None, both_allow: str | None
) -> None:
    for accepted, current in ((one, other), (other, one)):
        assert only(both(an_order(if_unsure=accepted), an_order(if_unsure=current))).if_unsure == both_allow


def bounds(accepted: Bound, current: Bound, argument: str = "priority") -> Mapping[str, Bound]:
    tight = both(a_ticket(decide={argument: accepted}), a_ticket(decide={argument: current}))
    return only(tight).decide if tight.steps else {}


def test_the_shorter_text_and_the_options_of_both_count() -> None:
    assert bounds(Bound(kind="text", limit=40), Bound(kind="text", limit=10))["priority"].limit == 10
    left = Bound(kind="one_of", options=("P1", "P2"))
    right = Bound(kind="one_of", options=("P3", "P2"))
    assert bounds(left, right)["priority"].options == ("P2",)


@pytest.mark.parametrize(
    ("accepted", "current"),
    [
        (Bound(kind="text", limit=5), Bound(kind="one_of", options=("P1",))),
        (Bound(kind="one_of", options=("P1",)), Bound(kind="one_of", options=("P2",))),
        (
            Bound(kind="integer", multiple_of=parse_template(2)),
            Bound(kind="integer", multiple_of=parse_template(3)),
        ),
        (
            Bound(kind="integer", low=parse_template("{{ " + " + ".join(["order_quantity"] * 50) + " }}")),
            Bound(kind="integer", low=parse_template("{{ " + " + ".join(["pack_size"] * 50) + " }}")),
        ),
    ],
)
def test_bounds_that_can_t_be_compared_are_not_granted(accepted: Bound, current: Bound) -> None:
    assert bounds(accepted, current) == {}


numbers = st.none() | st.integers(0, 60) | st.sampled_from(["{{ order_quantity }}", "{{ pack_size }}"])


def template(value: object) -> Template | None:
    return None if value is None else parse_template(value)


@given(numbers, numbers, numbers, numbers, st.sampled_from([None, 6]), st.integers(-5, 70))
def test_a_decision_within_both_states_is_what_the_tighter_one_accepts(
    low: object, high: object, other_low: object, other_high: object, step: int | None, quantity: int
) -> None:
    def rule(least: object, most: object, multiple: int | None) -> Rule:
        bound = Bound(kind="integer", low=template(least), high=template(most), multiple_of=template(multiple))
        return a_rule(an_order(decide={"quantity": bound}))

    accepted, current = rule(low, high, step), rule(other_low, other_high, None)

    def takes(grant: Rule) -> bool:
        call = Call("x:0", "order", f'{{"quantity": {quantity}}}')
        return isinstance(judge(grant, CATALOGUE, call, names()), Accepted)

    assert takes(tighten(accepted, current)) == (takes(accepted) and takes(current))


def test_the_tighter_bounds_are_what_is_offered() -> None:
    narrow = Bound(kind="integer", low=parse_template(10), high=parse_template(30))
    functions = offered(both(an_order(), an_order(decide={"quantity": narrow})), CATALOGUE, names())
    assert functions[-1].parameters["properties"]["quantity"] == {
        "type": "integer",
        "minimum": 12,
        "maximum": 30,
        "description": "at least 12, at most 30, a multiple of 6",
    }
