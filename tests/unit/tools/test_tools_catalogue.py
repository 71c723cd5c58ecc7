"""The catalogue: names, families, arguments and bodies as rules and models meet them."""

from typing import Any

import pytest
from pydantic import ValidationError

from dutyd.core.mfjs import problem_of
from dutyd.core.rule import Severity
from dutyd.core.tool import Tool
from dutyd_tools import TOOLS
from dutyd_tools.providers.backoffice import PATHS

BY_NAME = {tool.name: tool for tool in TOOLS}

# Every tool with its arguments, those that may be left out marked.
ARGUMENTS = {
    "send_alert": "severity summary details? to?",
    "resolve_alert": "alert summary? to?",
    "create_ticket": "project kind title body priority? to?",
    "comment_ticket": "ticket text to?",
    "search_tickets": "query project?",
    "check_stock_levels": "sku location?",
    "draft_purchase_order": "sku? supplier quantity? lines? unit_price? currency? location? note? to?",
    "place_purchase_order": "order to?",
    "predict_demand": "sku days",
    "notify": "to text subject?",
    "search_runbooks": "query",
    "query_metrics": "query minutes?",
}
ORDER: dict[str, Any] = {"sku": "12", "supplier": "S5", "quantity": 480}


def validated(name: str, **args: object) -> Any:
    return BY_NAME[name].args.model_validate(args)


def body(name: str, **args: object) -> dict[str, Any]:
    made = BY_NAME[name].body
    assert made is not None
    return dict(made(validated(name, **args)))


def refusal(name: str, **args: object) -> str:
    with pytest.raises(ValidationError) as told:
        validated(name, **args)
    return str(told.value)


def test_each_tool_is_there_once_with_the_arguments_that_rules_use() -> None:
    told = {
        tool.name: " ".join(
            name if field.is_required() else f"{name}?" for name, field in tool.args.model_fields.items()
        )
        for tool in TOOLS
    }
    assert told == ARGUMENTS
    assert len(TOOLS) == len(BY_NAME)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_model_host_takes_every_schema_as_it_is(tool: Tool) -> None:
    function = {"name": tool.name, "description": tool.about, "parameters": tool.args.model_json_schema()}
    assert problem_of(function, strict=True) is None


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_argument_says_what_it_is_and_every_text_how_long_it_may_be(tool: Tool) -> None:
    for schema in tool.args.model_json_schema()["properties"].values():
        assert schema["description"]
        assert schema.get("type") != "string" or "maxLength" in schema or "enum" in schema


def test_a_changing_tool_says_what_it_makes_and_a_reading_one_whom_it_asks() -> None:
    assert {tool.makes for tool in TOOLS if tool.changes} == set(PATHS)
    assert all((tool.body is not None) == tool.changes and (tool.ask is None) == tool.changes for tool in TOOLS)


def test_an_alert_takes_exactly_the_severities_of_rules() -> None:
    assert BY_NAME["send_alert"].args.model_json_schema()["properties"]["severity"]["enum"] == list(Severity)
    assert "severity" in refusal("send_alert", severity="urgent", summary="x")


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_an_argument_that_no_tool_knows_is_refused(tool: Tool) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        tool.args.model_validate({"colour": "red"})


def test_a_number_is_no_text_and_a_text_no_number() -> None:
    assert "sku" in refusal("check_stock_levels", sku=12)
    assert "quantity" in refusal("draft_purchase_order", **{**ORDER, "quantity": "480"})
    assert "days" in refusal("predict_demand", sku="12", days="28")


def test_a_whole_double_is_a_whole_number() -> None:
    assert validated("predict_demand", sku="12", days=28.0).days == 28
    assert "days" in refusal("predict_demand", sku="12", days=28.5)


@pytest.mark.parametrize("quantity", [0, -1, float("nan"), float("inf"), True])
def test_an_order_is_for_more_than_nothing(quantity: object) -> None:
    assert "quantity" in refusal("draft_purchase_order", **{**ORDER, "quantity": quantity})


@pytest.mark.parametrize(
    ("args", "sent", "total"),
    [
        ({}, {}, None),
        ({"unit_price": 2.5}, {"unit_price": 2.5}, "1200.0"),
        ({"unit_price": 2}, {"unit_price": 2}, "960"),
        ({"unit_price": "2.50 EUR"}, {"unit_price": 2.5, "currency": "EUR"}, "1200.00 EUR"),
        ({"unit_price": 2.5, "currency": "USD"}, {"unit_price": 2.5, "currency": "USD"}, "1200.0 USD"),
        ({"unit_price": "2.50 EUR", "currency": "EUR"}, {"unit_price": 2.5, "currency": "EUR"}, "1200.00 EUR"),
    ],
)
def test_a_price_is_a_number_or_a_text_and_makes_the_total(
    args: dict[str, object], sent: dict[str, object], total: str | None
) -> None:
    assert body("draft_purchase_order", **ORDER, **args) == {**ORDER, **sent}
    spends = BY_NAME["draft_purchase_order"].spends
    assert spends is not None
    spent = spends(validated("draft_purchase_order", **ORDER, **args))
    assert (str(spent) if spent else None) == total


@pytest.mark.parametrize(
    "args",
    [
        {"unit_price": "cheap"},
        {"unit_price": -1},
        {"unit_price": 1e12},
        {"unit_price": True},
        {"unit_price": "2.50 EUR", "currency": "USD"},
        {"currency": "euro"},
    ],
)
def test_a_price_that_says_no_clear_amount_is_refused(args: dict[str, object]) -> None:
    assert refusal("draft_purchase_order", **ORDER, **args)


def test_a_quantity_is_sent_as_people_write_it() -> None:
    assert repr(body("draft_purchase_order", **{**ORDER, "quantity": 480.0})["quantity"]) == "480"
    assert body("draft_purchase_order", **{**ORDER, "quantity": 2.5})["quantity"] == 2.5


def test_what_was_not_said_is_not_sent() -> None:
    assert body("send_alert", severity="info", summary="x") == {"severity": "info", "summary": "x"}
    assert body("notify", to="manager", text="hello") == {"to": "manager", "text": "hello"}


def test_a_query_that_nobody_can_read_is_refused_at_load() -> None:
    assert "is no query" in refusal("query_metrics", query="avg(rt)")
    assert validated("query_metrics", query='rt{service="a"}').minutes == 60
