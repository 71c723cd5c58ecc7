"""Arguments without a model: what the rule says is what goes out, whole, clean and within the tool's limits."""

from typing import Any

import pytest

from dutyd.act.gateway import Bound, Unbound, bind, clean, cut
from dutyd.core.expr import Look, parse_template
from dutyd.core.step import Bound as Limit
from dutyd.core.step import Step
from support.grants import CATALOGUE, a_ticket, an_order, names


def bound(step: Step, look: Look | None = None) -> dict[str, Any]:
    result = bind(step, CATALOGUE, look or names())
    assert isinstance(result, Bound), result
    return dict(result.args)


def unbound(step: Step, look: Look | None = None) -> str:
    result = bind(step, CATALOGUE, look or names())
    assert isinstance(result, Unbound)
    return result.reason


def plain(**args: Any) -> Step:
    return a_ticket(decide={}, args={name: parse_template(value) for name, value in args.items()})


def test_values_keep_their_type_and_texts_are_put_together() -> None:
    step = plain(title="{{ service }}: {{ order_quantity }} left", weight="{{ unit_price }}", urgent=True)
    assert bound(step) == {"title": "shop: 24 left", "weight": 2.5, "urgent": True}


def test_the_fallback_decides_where_nobody_did() -> None:
    assert bound(an_order()) == {"sku": "A-1", "unit_price": 2.5, "quantity": 24}


def test_an_open_step_without_fallback_is_unbound() -> None:
    assert unbound(an_order(fallback=None)) == "nobody decided and the step has no fallback"


@pytest.mark.parametrize(
    ("step", "changed", "why"),
    [
        (an_order(), {"order_quantity": None}, "fallback 'quantity' is unknown: {{ order_quantity }}"),
        (an_order(), {"sku": None}, "argument 'sku' is unknown: {{ sku }}"),
        (an_order(tool="gone"), {}, "the tool 'gone' is not installed"),
        (plain(title="x", colour="red"), {}, "colour: Extra inputs are not permitted"),
        (plain(body="x"), {}, "title: Field required"),
        (plain(title=True), {}, "title: Input should be a valid string"),
    ],
)
def test_what_is_unknown_or_wrong_makes_it_unbound_and_is_named(
    step: Step, changed: dict[str, object], why: str
) -> None:
    assert unbound(step, names(**changed)) == why


def test_a_fallback_outside_known_bounds_is_refused_like_a_decision() -> None:
    why = unbound(an_order(fallback={"quantity": parse_template(9999)}))
    assert why == "fallback 'quantity' must be a whole number, at least 6, at most 48, a multiple of 6"


def test_a_fallback_does_not_need_bounds_that_are_unknown() -> None:
    assert bound(an_order(), names(pack_size=None))["quantity"] == 24


def test_a_text_that_is_too_long_is_cut_to_its_limit_with_the_mark_included() -> None:
    long = "x" * 1000
    assert bound(plain(title=long))["title"] == "x" * 99 + "…"  # the tool's limit
    step = a_ticket(decide={"title": Limit(kind="text", limit=10)}, fallback={"title": parse_template(long)}, args={})
    assert bound(step)["title"] == "x" * 9 + "…"  # the rule's limit


def test_a_number_falls_back_into_a_text_as_people_write_it() -> None:
    decide = {"title": Limit(kind="text", limit=10)}
    step = a_ticket(decide=decide, fallback={"title": parse_template("{{ order_quantity / 5 }}")}, args={})
    assert bound(step)["title"] == "4.8"


def test_bound_text_is_clean() -> None:
    assert bound(plain(title="{{ service }}"), names(service="sh\u202eop\x07"))["title"] == "shop"


def test_a_decision_of_somebody_else_is_taken_as_it_is() -> None:
    result = bind(an_order(), CATALOGUE, names(), {"quantity": 12})
    assert result == Bound({"quantity": 12, "sku": "A-1", "unit_price": 2.5})


def test_what_the_rule_binds_wins_over_what_was_decided() -> None:
    result = bind(an_order(), CATALOGUE, names(), {"quantity": 12, "sku": "B-2"})
    assert isinstance(result, Bound)
    assert result.args["sku"] == "A-1"


@pytest.mark.parametrize(("limit", "expected"), [(5, "hello"), (4, "hel…"), (1, "…"), (0, "")])
def test_cutting_keeps_to_any_limit(limit: int, expected: str) -> None:
    assert cut("hello", limit) == expected


def test_joined_emoji_and_scripts_stay_whole() -> None:
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467 \u0645\u06cc\u200c\u062e\u0648"
    assert clean(family) == family
