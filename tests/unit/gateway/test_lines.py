"""Lists of which the model decides a part: what it is offered, what it may say, and what code puts in."""

import json
from decimal import Decimal

import pytest

from dutyd.act.gateway import Accepted, Bound, Call, Outcome, Rejected, Unbound, bind, gate, judge, offered, tighten
from dutyd.core.expr import Look, look_in
from dutyd.core.mfjs import problem_of
from dutyd.core.policy import MoneyLimits, Policy
from dutyd.core.rule import Mode, Rule
from support.rule_files import CATALOGUE, TOOLS_ONLY, changed, only_rule, problems_of

RULES = """\
language: 1
rules:
  - id: order
    from: stock
    when: level < 10
    group: {by: [supplier], wait: 5m}
    agent: {goal: Decide.}
    steps:
      order:
        tool: draft_purchase_order
        with: {supplier: "{{ supplier }}"}
        decide:
          lines:
            each:
              in: "{{ group.members }}"
              with: {sku: "{{ item.sku }}", unit_price: "{{ item.price }}"}
              decide: {quantity: {integer: {min: 1, max: "{{ 2 * item.usual }}", multiple_of: "{{ item.pack }}"}}}
        fallback: {lines: "{{ group.members }}"}
        refuse_if: total > 500
        approval_if: total > 100
"""
MEMBERS: list[dict[str, object]] = [
    {"sku": 12, "price": 2.5, "usual": 24, "pack": 12},
    {"sku": "<|b|>", "price": 1, "usual": 5, "pack": 1},
]
WISHED: list[dict[str, object]] = [{"quantity": 24, "sku": "other", "unit_price": 0}, {"quantity": 5}]


def rule(text: str = RULES) -> Rule:
    return only_rule(text)


def look(members: object = MEMBERS) -> Look:
    return look_in({"supplier": "acme", "group": {"members": members, "size": 2, "supplier": "acme"}})


def said(lines: object) -> Accepted | Rejected:
    found = judge(rule(), CATALOGUE, Call("c1", "order", json.dumps({"lines": lines})), look())
    assert isinstance(found, Accepted | Rejected)
    return found


def test_the_model_is_offered_one_object_for_each_line_in_the_real_apis_dialect_without_event_text() -> None:
    (function,) = offered(rule(), CATALOGUE, look())
    offer = {"name": function.name, "parameters": dict(function.parameters)}
    assert problem_of(offer, strict=True) is None
    lines = function.parameters["properties"]["lines"]
    assert lines["required"] == ["line_1", "line_2"]
    assert lines["properties"]["line_1"]["properties"]["quantity"] == {
        "type": "integer",
        "minimum": 12,
        "maximum": 48,
        "description": "at least 12, at most 48, a multiple of 12",
    }
    assert "<|b|>" not in json.dumps(offer)


def test_code_puts_in_what_the_model_does_not_decide() -> None:
    accepted = said({"line_1": {"quantity": 36}, "line_2": {"quantity": 10}})
    assert isinstance(accepted, Accepted)
    assert accepted.args == {
        "supplier": "acme",
        "lines": [{"sku": "12", "unit_price": 2.5, "quantity": 36}, {"sku": "<|b|>", "unit_price": 1, "quantity": 10}],
    }


FINE = {"quantity": 5}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ({"line_1": {"quantity": 24}}, "must be an object of line_1, line_2"),
        ({"line_1": {"quantity": 24}, "line_2": FINE, "line_3": FINE}, "must be an object of line_1, line_2"),
        (
            {"line_1": {"quantity": 60}, "line_2": FINE},
            "'line_1': 'quantity' must be a whole number, at least 12, at most 48",
        ),
        ({"line_1": {"quantity": 13}, "line_2": FINE}, "a multiple of 12"),
        ({"line_1": {"quantity": 24, "sku": "GOLD"}, "line_2": FINE}, "'line_1': must be an object of quantity"),
        ({"line_1": 24, "line_2": FINE}, "'line_1': must be an object of quantity"),
        ([{"quantity": 24}, FINE], "must be an object of line_1, line_2"),
        ("everything", "must be an object of line_1, line_2"),
    ],
)
def test_what_is_outside_is_rejected_and_the_model_is_told_why(lines: object, why: str) -> None:
    found = said(lines)
    assert isinstance(found, Rejected)
    assert why in found.message


def bound(wished: object) -> Bound | Unbound:
    return bind(rule().steps["order"], CATALOGUE, look(wished))


def test_of_the_rules_own_list_only_what_is_decided_is_taken() -> None:
    members = [{**member, **wish} for member, wish in zip(MEMBERS, WISHED, strict=True)]
    found = bound(members)
    assert isinstance(found, Bound)
    assert [line["quantity"] for line in found.args["lines"]] == [24, 5]
    assert [set(line) for line in found.args["lines"]] == [{"sku", "unit_price", "quantity"}] * 2


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([], "its list has 0 items"),
        (MEMBERS * 51, "its list has 102 items"),
        ("all", "its list is unknown now"),
        (MEMBERS, "'line_1': must be an object of quantity"),
        ([{**MEMBERS[0], "quantity": 7}], "'line_1': 'quantity' must be a whole number"),
        ([{"sku": "a", "quantity": 7, "usual": 9, "pack": 1}], "line 1: 'unit_price' is unknown now"),
        ([{"sku": "a", "quantity": 7, "price": 9, "pack": 1}], "line 1: 'quantity': max is unknown now"),
    ],
)
def test_a_list_that_can_not_be_known_makes_no_order(members: object, why: str) -> None:
    found = bound(members)
    assert isinstance(found, Unbound)
    assert why in found.reason


def gated(price: float, policy: Policy | None = None) -> Outcome:
    lines = [{"sku": "a", "quantity": 10, "unit_price": price}, {"sku": "b", "quantity": 10, "unit_price": 1}]
    args = {"supplier": "acme", "lines": lines}
    return gate(
        rule().steps["order"], args, CATALOGUE["draft_purchase_order"], look(), policy or Policy(), Mode.ACT
    ).outcome


def test_gates_and_the_ceiling_are_held_against_the_whole_order() -> None:
    assert [gated(price) for price in (9, 9.1, 49, 49.1)] == [Outcome.SEND, Outcome.ASK, Outcome.ASK, Outcome.REFUSE]
    dear = Policy(money=MoneyLimits(currency="EUR", per_effect=Decimal(50)))
    assert gated(5, dear) is Outcome.REFUSE


def test_the_tighter_bound_of_each_line_counts_and_other_lists_are_not_granted() -> None:
    narrow = rule(RULES.replace("2 * item.usual", "item.usual"))
    step = tighten(rule(), narrow).steps["order"]
    call = Call("c1", "order", json.dumps({"lines": {"line_1": {"quantity": 48}, "line_2": FINE}}))
    assert isinstance(judge(tighten(rule(), narrow), CATALOGUE, call, look()), Rejected)
    assert isinstance(judge(rule(), CATALOGUE, call, look()), Accepted)
    assert step.decide["lines"].items == narrow.steps["order"].decide["lines"].items
    assert tighten(rule(), rule(RULES.replace("item.price", "item.cost"))).steps == {}


MISTAKES: list[tuple[str, str, str]] = [
    ('sku: "{{ item.sku }}", ', "", "each item of 'lines' needs 'sku'"),
    ('unit_price: "{{ item.price }}"', 'price: "{{ item.price }}"', "an item of 'lines' has no 'price'"),
    ('in: "{{ group.members }}"\n', 'in: "{{ 1 + 1 }}"\n', "must be a list"),
    (
        'decide: {quantity: {integer: {min: 1, max: "{{ 2 * item.usual }}", multiple_of: "{{ item.pack }}"}}}',
        "decide: {quantity: {text: 9}}",
        "'quantity' takes a number",
    ),
    (
        'decide: {quantity: {integer: {min: 1, max: "{{ 2 * item.usual }}", multiple_of: "{{ item.pack }}"}}}',
        "decide: {}",
        "nothing is left to decide",
    ),
    ('supplier: "{{ supplier }}"', 'supplier: "{{ item.sku }}"', "there is no 'item.sku' here"),
    ('with: {supplier: "{{ supplier }}"}', "with: {supplier: x, sku: a}", "give either sku and quantity, or lines"),
    ("total > 500", "totl > 500", "did you mean 'total'?"),
]


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_a_wrong_list_is_one_mistake_at_load(old: str, new: str, words: str) -> None:
    (found,) = problems_of(changed(old, new, RULES), TOOLS_ONLY)
    assert words in f"{found.message} {found.hint}"
