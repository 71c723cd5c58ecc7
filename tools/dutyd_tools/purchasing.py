"""Purchasing: draft an order, and place it. Two tools, because only the second commits the company."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from dutyd.core.money import Money
from dutyd.core.tool import Args, changes
from dutyd_tools.values import Currency, Price, Quantity, Route, plain


class DraftPurchaseOrder(Args):
    """Arguments of ``draft_purchase_order``."""

    sku: str = Field(description="What to order.", min_length=1, max_length=200)
    supplier: str = Field(description="Whom to order from.", min_length=1, max_length=200)
    quantity: Quantity = Field(description="How much to order.")
    unit_price: Price = Field(None, description='The price of one: a number, or a text such as "2.50 EUR".')
    currency: Currency = Field("", description="The price's currency, an ISO 4217 code such as EUR.", max_length=3)
    location: str = Field("", description="Where to deliver to.", max_length=200)
    note: str = Field("", description="Why this order, for whoever approves it.", max_length=2000)
    to: Route = "default"

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        told = self.unit_price.currency if self.unit_price else ""
        if told and self.currency and told != self.currency:
            raise ValueError(f"unit_price is in {told}, currency says {self.currency}: which one?")
        return self

    @property
    def total(self) -> Money | None:
        """What the order comes to; None where nobody said a price."""
        if self.unit_price is None:
            return None
        return Money(self.unit_price.amount, self.unit_price.currency or self.currency).times(plain(self.quantity))


class PlacePurchaseOrder(Args):
    """Arguments of ``place_purchase_order``."""

    order: str = Field(description="The id that draft_purchase_order gave.", min_length=1, max_length=200)
    to: Route = "default"


def _total(args: DraftPurchaseOrder) -> Money | None:
    return args.total


@changes("purchasing", makes="purchase_order", spends=_total, undo="delete the draft", outlives_clear=True)
def draft_purchase_order(args: DraftPurchaseOrder) -> Mapping[str, Any]:
    """Draft a purchase order. It is not sent to the supplier until it is placed."""
    body = args.model_dump(exclude_defaults=True, exclude={"unit_price", "to"}) | {"quantity": plain(args.quantity)}
    if args.unit_price is not None:
        currency = args.unit_price.currency or args.currency
        body |= {"unit_price": plain(args.unit_price.amount)} | ({"currency": currency} if currency else {})
    return body


@changes("purchasing", makes="placement", of="order", undo="cancel the order with the supplier", outlives_clear=True)
def place_purchase_order(args: PlacePurchaseOrder) -> Mapping[str, Any]:
    """Place a drafted purchase order: the supplier gets it."""
    return args.model_dump(exclude={"to"})
