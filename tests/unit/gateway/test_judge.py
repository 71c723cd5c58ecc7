"""The gateway's judgement: whatever a model sends, only a decision within the grant gets through."""

import json
import unicodedata
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.act.gateway import Accepted, Call, Read, Rejected, judge, narrowed
from dutyd.core.expr import Look, parse_template
from dutyd.core.rule import Rule
from dutyd.core.step import Bound
from support.grants import CATALOGUE, a_rule, a_ticket, an_order, names

KEPT = "\n\t\u200c\u200d"
TICKET = {"title": "Disk full", "priority": "P2", "urgent": True, "weight": 1}


def said(name: str, arguments: Any, rule: Rule | None = None, look: Look | None = None) -> Accepted | Read | Rejected:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return judge(rule or a_rule(), CATALOGUE, Call("x:0", name, text), look or names())


def rejection(name: str, arguments: Any, rule: Rule | None = None, look: Look | None = None) -> str:
    verdict = said(name, arguments, rule, look)
    assert isinstance(verdict, Rejected)
    return verdict.message


def accepted(name: str, arguments: Any, rule: Rule | None = None, look: Look | None = None) -> dict[str, Any]:
    verdict = said(name, arguments, rule, look)
    assert isinstance(verdict, Accepted), verdict
    return dict(verdict.args)


def test_a_decision_gets_its_other_arguments_from_the_rule() -> None:
    assert accepted("order", {"quantity": 24}) == {"sku": "A-1", "unit_price": 2.5, "quantity": 24}


def test_a_number_in_the_event_becomes_the_text_that_the_tool_wants() -> None:
    assert accepted("order", {"quantity": 24}, look=names(sku=12))["sku"] == "12"


@pytest.mark.parametrize(
    "quantity",
    [0, -6, 5, 54, 9999, 24.5, "24", True, None, [24], {"min": 1}, 10**30, 1e300],
)
def test_a_number_outside_its_bounds_is_rejected_and_the_bounds_are_told(quantity: Any) -> None:
    message = rejection("order", {"quantity": quantity})
    assert message == "'quantity' must be a whole number, at least 6, at most 48, a multiple of 6"


def test_a_whole_number_written_with_a_fraction_is_whole() -> None:
    quantity = accepted("order", '{"quantity": 24.0}')["quantity"]
    assert quantity == 24
    assert isinstance(quantity, int)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"quantity": 24', "is not valid JSON"),
        ('{"quantity": NaN}', "NaN is no number"),
        ('{"quantity": Infinity}', "Infinity is no number"),
        ('{"quantity": 6, "quantity": 24}', "a name is there twice"),
        ("[24]", "must be a JSON object"),
        ("24", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('{"quantity": ' + "[" * 30_000, "is not valid JSON"),
        ('{"quantity": "' + "x" * 70_000 + '"}', "is longer than 65536 characters"),
        ('{"quantity": ' + "9" * 5000 + "}", "is not valid JSON"),
        ("", "'quantity' is missing"),
        ("{}", "'quantity' is missing"),
    ],
)
def test_arguments_that_are_no_plain_object_are_rejected(arguments: str, words: str) -> None:
    assert words in rejection("order", arguments)


def test_what_the_rule_binds_is_not_the_model_s_to_decide() -> None:
    message = rejection("order", {"quantity": 24, "sku": "B-2", "unit_price": 0.01})
    assert message == (
        "'sku' is not yours to decide, only: quantity; 'unit_price' is not yours to decide, only: quantity"
    )


def test_an_unknown_function_is_rejected_with_the_nearest() -> None:
    message = rejection("ordr", {"quantity": 24})
    assert message == ("there is no function 'ordr'; did you mean 'order'?; there are: search_runbooks, order, ticket")


@pytest.mark.parametrize("name", ["draft_order", "create_ticket", "", "order\u202e", "__class__", "x" * 5000])
def test_tools_are_not_functions_and_odd_names_do_no_harm(name: str) -> None:
    message = rejection(name, {"quantity": 24})
    assert message.startswith("there is no function '")
    assert "\u202e" not in message
    assert len(message) < 300


def test_a_step_without_anything_open_is_not_the_model_s() -> None:
    page = an_order(name="page", decide={}, args={"sku": parse_template("A"), "quantity": parse_template(1)})
    assert "there is no function 'page'" in rejection("page", {}, a_rule(page, an_order()))


def test_a_step_outside_the_run_is_not_the_model_s() -> None:
    rule = a_rule()
    only_ticket = narrowed(rule, (rule.steps["ticket"],))
    assert "there is no function 'order'" in rejection("order", {"quantity": 24}, only_ticket)


def test_all_problems_are_told_at_once() -> None:
    message = rejection("ticket", {"title": "x" * 41, "priority": "P9", "urgent": "yes", "weight": 3, "to": "me"})
    assert message == (
        "'to' is not yours to decide, only: title, priority, urgent, weight; "
        "'title' is 41 characters long, at most 40 are allowed; 'priority' must be one of P1, P2, P3; "
        "'urgent' must be true or false; 'weight' must be a number, at least 0.5, at most 2"
    )


def test_text_loses_control_direction_and_invisible_characters_and_keeps_its_lines() -> None:
    title = "Di\u202esk\x00 \u200bfull\r\n\tnow\ud800 \U000e0041"
    assert accepted("ticket", TICKET | {"title": title})["title"] == "Disk full\n\tnow "


def test_a_text_of_nothing_but_hidden_characters_is_no_text() -> None:
    assert "at least 1 character" in rejection("ticket", TICKET | {"title": "\u200b\u202e"})


def test_options_are_compared_with_their_type() -> None:
    rule = a_rule(
        a_ticket(decide={"weight": Bound(kind="one_of", options=(1, 2))}, args={"title": parse_template("t")})
    )
    assert accepted("ticket", {"weight": 1}, rule)["weight"] == 1
    for odd in ("1", True, 1.5):
        assert "must be one of 1, 2" in rejection("ticket", {"weight": odd}, rule)


def test_a_step_whose_bound_is_unknown_is_not_decided() -> None:
    message = rejection("order", {"quantity": 24}, look=names(order_quantity=None))
    assert message == "'order' can't be decided now: 'quantity': max is unknown now"


def test_a_step_whose_fixed_argument_is_unknown_is_not_done() -> None:
    message = rejection("order", {"quantity": 24}, look=names(unit_price=None))
    assert message == "'order' can't be done now: argument 'unit_price' is unknown: {{ unit_price }}"


def test_the_tool_has_the_last_word_on_arguments() -> None:
    rule = a_rule(an_order(args={"sku": parse_template("A"), "unit_price": parse_template("cheap")}))
    assert "unit_price" in rejection("order", {"quantity": 24}, rule)


def test_a_question_is_judged_by_its_tool() -> None:
    verdict = said("search_runbooks", {"query": "disk\u202e full", "minutes": 5})
    assert isinstance(verdict, Read)
    assert verdict.tool.name == "search_runbooks"
    assert verdict.args == {"query": "disk full", "minutes": 5}
    assert "minutes" in rejection("search_runbooks", {"query": "x", "minutes": 0})
    assert "longer than 2000" in rejection("search_runbooks", {"query": "x" * 2001})
    assert "Extra inputs" in rejection("search_runbooks", {"query": "x", "url": "http://evil"})


# The law: whatever text comes as arguments, what is accepted lies within the grant.

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
near_order = st.fixed_dictionaries(
    {"quantity": st.integers(-10, 100) | st.floats() | st.sampled_from([6, 24, 48, 48.0, "24"]) | anything},
    optional={"sku": anything, "unit_price": anything, "note": anything},
)
near_ticket = st.fixed_dictionaries(
    {
        "title": st.text(max_size=60) | anything,
        "priority": st.sampled_from(["P1", "P2", "P3", "P4", "p1"]) | anything,
        "urgent": st.booleans() | anything,
        "weight": st.floats(-1, 3) | anything,
    },
    optional={"body": anything, "assignee": anything},
)
texts = st.one_of(st.text(), anything.map(json.dumps), near_order.map(json.dumps), near_ticket.map(json.dumps))
functions = st.sampled_from(["order", "ticket", "search_runbooks"]) | st.text(max_size=12)


@given(functions, texts, st.integers(1, 1000), st.integers(1, 20))
def test_whatever_a_model_sends_only_what_lies_within_the_grant_is_accepted(
    name: str, text: str, order_quantity: int, pack_size: int
) -> None:
    look = names(order_quantity=order_quantity, pack_size=pack_size)
    verdict = judge(a_rule(), CATALOGUE, Call("x:0", name, text), look)
    if isinstance(verdict, Rejected):
        assert verdict.message
        return
    if isinstance(verdict, Read):
        assert verdict.tool.name == name == "search_runbooks"
        return
    args = verdict.args
    assert verdict.step.name == name
    CATALOGUE[verdict.step.tool].args.model_validate(args)
    if name == "order":
        assert set(args) == {"sku", "unit_price", "quantity"}
        assert (args["sku"], args["unit_price"]) == ("A-1", 2.5)
        assert type(args["quantity"]) is int
        assert 1 <= args["quantity"] <= 2 * order_quantity
        assert args["quantity"] % pack_size == 0
    else:
        assert set(args) == {"title", "priority", "urgent", "weight", "body"}
        assert args["body"] == "about shop"
        assert 1 <= len(args["title"]) <= 40
        hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert not [mark for mark in args["title"] if unicodedata.category(mark) in hidden and mark not in KEPT]
        assert args["priority"] in ("P1", "P2", "P3")
        assert isinstance(args["urgent"], bool)
        assert 0.5 <= args["weight"] <= 2


@given(st.floats(0.01, 1000), st.floats(0.01, 1000), st.floats(0.01, 50), st.floats(-10, 2000))
def test_fractions_are_held_to_their_multiple_exactly(low: float, high: float, step: float, value: float) -> None:
    bound = Bound(kind="number", low=parse_template(low), high=parse_template(high), multiple_of=parse_template(step))
    rule = a_rule(an_order(decide={"quantity": bound}, args={"sku": parse_template("A")}))
    verdict = said("order", {"quantity": value}, rule)
    if isinstance(verdict, Accepted):
        exact = Fraction(str(verdict.args["quantity"]))
        assert low <= float(exact) <= high
        assert exact % Fraction(str(step)) == 0


@given(st.sampled_from([0.1, 0.25, 0.5, 2.0, 3.0]), st.integers(1, 100))
def test_a_multiple_of_a_fraction_is_accepted_as_it_is(step: float, times: int) -> None:
    bound = Bound(kind="number", low=parse_template(0.1), high=parse_template(300), multiple_of=parse_template(step))
    rule = a_rule(an_order(decide={"quantity": bound}, args={"sku": parse_template("A")}))
    verdict = said("order", {"quantity": float(Fraction(str(step)) * times)}, rule)
    assert isinstance(verdict, Accepted)
    assert Fraction(str(verdict.args["quantity"])) == Fraction(str(step)) * times
