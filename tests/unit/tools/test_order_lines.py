"""Orders with lines: what the tool takes, what they cost, and what the provider is sent."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from dutyd.core.money import Money
from dutyd_tools.purchasing import DraftPurchaseOrder, draft_purchase_order

LINES = [{"sku": "a", "quantity": 2, "unit_price": "2.50 EUR"}, {"sku": "b", "quantity": 3.0, "unit_price": 1}]


def order(**args: Any) -> DraftPurchaseOrder:
    return DraftPurchaseOrder.model_validate({"supplier": "acme", **args})


def test_an_order_costs_what_its_lines_cost_together() -> None:
    assert order(lines=LINES).total == Money(Decimal("8.00"), "EUR")
    assert order(lines=[LINES[1]], currency="USD").total == Money(Decimal(3), "USD")


def test_an_order_with_one_line_without_a_price_has_no_known_cost() -> None:
    assert order(lines=[*LINES, {"sku": "c", "quantity": 1}]).total is None


def test_the_provider_is_sent_lines_with_plain_numbers_and_one_currency() -> None:
    assert draft_purchase_order.body is not None
    assert draft_purchase_order.body(order(lines=LINES, location="main")) == {
        "supplier": "acme",
        "location": "main",
        "lines": [{"sku": "a", "quantity": 2, "unit_price": 2.5}, {"sku": "b", "quantity": 3, "unit_price": 1}],
        "currency": "EUR",
    }


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({}, "give either sku and quantity, or lines"),
        ({"sku": "a"}, "give either sku and quantity, or lines"),
        ({"lines": LINES, "sku": "a", "quantity": 1}, "give either"),
        ({"lines": LINES, "quantity": 1}, "give either"),
        ({"lines": []}, "at least 1 item"),
        ({"lines": LINES * 51}, "at most 100 items"),
        ({"lines": [{"sku": "a"}]}, "quantity"),
        ({"lines": [{"sku": "a", "quantity": 0}]}, "greater than or equal"),
        ({"lines": [{"sku": "a", "quantity": 1, "approved": True}]}, "Extra inputs"),
        ({"lines": LINES, "unit_price": 3}, "stands in each of the lines"),
        ({"lines": LINES, "currency": "USD"}, "which one"),
        ({"lines": [*LINES, {"sku": "c", "quantity": 1, "unit_price": "1 USD"}]}, "one order has one currency"),
    ],
)
def test_what_is_no_order_is_refused(args: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        order(**args)
