"""Purchasing: draft an order, and place it. Two tools, because only the second commits the company."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from dutyd.core.money import Money
from dutyd.core.tool import Args, changes
from dutyd_tools.values import Currency, Price, Quantity, Route, plain


class OrderLine(Args):
    """One article of an order."""

    sku: str = Field(description="What to order.", min_length=1, max_length=200)
    quantity: Quantity = Field(description="How much to order.")
    unit_price: Price = Field(None, description='The price of one: a number, or a text such as "2.50 EUR".')


class DraftPurchaseOrder(Args):
    """Arguments of ``draft_purchase_order``: one article, or many as lines."""

    either: ClassVar = (("sku", "quantity"), ("lines",))

    sku: str = Field("", description="What to order.", min_length=1, max_length=200)
    supplier: str = Field(description="Whom to order from.", min_length=1, max_length=200)
    quantity: Quantity | None = Field(None, description="How much to order.")
    lines: list[OrderLine] | None = Field(
        None, description="Many articles of one order: sku, quantity, unit_price.", min_length=1, max_length=100
    )
    unit_price: Price = Field(None, description='The price of one: a number, or a text such as "2.50 EUR".')
    currency: Currency = Field("", description="The price's currency, an ISO 4217 code such as EUR.", max_length=3)
    location: str = Field("", description="Where to deliver to.", max_length=200)
    note: str = Field("", description="Why this order, for whoever approves it.", max_length=2000)
    to: Route = "default"

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        if self.lines is not None and self.unit_price is not None:
            raise ValueError("unit_price stands in each of the lines")
        told = {price.currency for _, price in self.priced if price is not None and price.currency}
        if self.currency and told - {self.currency}:
            raise ValueError(
                f"unit_price is in {min(told - {self.currency})}, currency says {self.currency}: which one?"
            )
        if len(told) > 1:
            raise ValueError(f"the lines are in {' and '.join(sorted(told))}: one order has one currency")
        return self

    @property
    def priced(self) -> list[tuple[float, Money | None]]:
        """The quantity and the price of each line."""
        if self.lines is not None:
            return [(line.quantity, line.unit_price) for line in self.lines]
        return [] if self.quantity is None else [(self.quantity, self.unit_price)]

    @property
    def total(self) -> Money | None:
        """What the order comes to; None where nobody said a price, of any of its lines."""
        costs = [None if price is None else price.times(plain(quantity)) for quantity, price in self.priced]
        known = [cost for cost in costs if cost is not None]
        if not known or len(known) < len(costs):
            return None
        currency = next((cost.currency for cost in known if cost.currency), self.currency)
        return Money(sum((cost.amount for cost in known), Decimal(0)), currency)


class PlacePurchaseOrder(Args):
    """Arguments of ``place_purchase_order``."""

    order: str = Field(description="The id that draft_purchase_order gave.", min_length=1, max_length=200)
    to: Route = "default"


def _total(args: DraftPurchaseOrder) -> Money | None:
    return args.total


@changes("purchasing", makes="purchase_order", spends=_total, undo="delete the draft", outlives_clear=True)
def draft_purchase_order(args: DraftPurchaseOrder) -> Mapping[str, Any]:
    """Draft a purchase order. It is not sent to the supplier until it is placed."""
    body = args.model_dump(exclude_defaults=True, exclude={"unit_price", "quantity", "lines", "currency", "to"})
    if args.lines is not None:
        body["lines"] = [{"sku": line.sku, **_amounts(line.quantity, line.unit_price)} for line in args.lines]
    elif args.quantity is not None:
        body |= _amounts(args.quantity, args.unit_price)
    prices = [price.currency for _, price in args.priced if price is not None and price.currency]
    currency = next(iter(prices), args.currency)
    return body | ({"currency": currency} if currency else {})


def _amounts(quantity: float, price: Money | None) -> dict[str, Any]:
    return {"quantity": plain(quantity)} | ({} if price is None else {"unit_price": plain(price.amount)})


@changes("purchasing", makes="placement", of="order", undo="cancel the order with the supplier", outlives_clear=True)
def place_purchase_order(args: PlacePurchaseOrder) -> Mapping[str, Any]:
    """Place a drafted purchase order: the supplier gets it."""
    return args.model_dump(exclude={"to"})
