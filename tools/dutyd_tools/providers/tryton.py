"""Tryton (8.2 and later, by REST): the provider behind ``purchasing`` and ``stock`` where an ERP keeps them.

Bodies of ``draft_purchase_order`` come in, drafts that a person sees, changes and confirms are made. Our key is an
order's ``reference``: Tryton finds it at once, and takes a second one with the same, which is class B. What bites, and
what is done about it:

* On SQLite a supplier that does not exist is accepted. Supplier, article, warehouse and currency are looked up first,
  and nothing is sent where one is missing or where there are two of that name.
* A line's unit must be told. It is the article's own, in which stock is counted: never the larger one it is bought in.
* REST runs none of a form's defaults: the address for the invoice, without which nobody can confirm, is put in here.
* An order whose price nobody told has none; Tryton takes it so, and a person completes it.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic import Field

from dutyd.core.expr import look_in
from dutyd.core.tool import Promise, Provider, ProviderClass, Receipt, RefusedError
from dutyd_tools.providers.settings import read_settings
from dutyd_tools.providers.shape import AnyShape, Shape, check_names, names_for
from dutyd_tools.providers.tryton_api import TrytonApi, TrytonApiSettings
from dutyd_tools.providers.tryton_stock import demand, find_article, stock, warehouses

ORDER = "purchase.purchase"
OURS = frozenset({"party", "company", "currency", "warehouse", "reference", "comment", "lines", "invoice_address"})
PLACED = frozenset({"confirmed", "processing", "done"})


class TrytonSettings(TrytonApiSettings):
    """Settings of the kind ``tryton``.

    Attributes:
        warehouse: code or name: where orders go that name no location; needed where there are several.
        fields: more fields of a new order, as Tryton names them.

    """

    warehouse: str = ""
    fields: AnyShape = Field(Shape({}))


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong.

    """
    return Tryton(read_settings("tryton", TrytonSettings, settings, _problems))


class Tryton:
    """The Tryton that *settings* name."""

    def __init__(self, settings: TrytonSettings) -> None:
        self._settings = settings
        self._api = TrytonApi(settings)
        self._more = settings.fields
        self._page = f"{self._api.url}/#{settings.database}/model/{ORDER}"

    def promise_of(self, kind: str) -> Promise | None:
        """Return class B for orders; placing one twice places it once, which is class A."""
        timeout = 2 * self._settings.timeout  # what an order names is looked up first
        if kind == "purchase_order":
            return Promise(ProviderClass.B, timeout=timeout)
        return Promise(ProviderClass.A, timeout=timeout, searchable=False) if kind == "placement" else None

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Make a ``purchase_order``, a draft; or a ``placement``: quote and confirm one.

        Raises:
            RefusedError: Tryton said no, or does not know what the order names.
            NotSentError: it can't be asked now; nothing was made.
            UnknownOutcomeError: it may have been made.

        """
        if kind == "purchase_order":
            return self._receipt(await self._api.create(ORDER, await self._order(key, body)))
        if kind == "placement":
            return await self._place(str(body.get("order")))
        raise RefusedError(f"Tryton makes no {kind}, only purchase_order and placement")

    async def lookup(self, kind: str, key: str) -> Receipt | None:
        """Return the order whose reference is *key*, in whatever state it is."""
        if kind != "purchase_order":
            return None
        found = await self._api.search(ORDER, [["reference", "=", key]], ["reference"])
        return replace(self._receipt(found[0]["id"]), copies=len(found)) if found else None

    async def read(self, kind: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return rows of ``stock`` or ``demand``.

        Raises:
            RefusedError: it knows no such thing, or we may not ask.
            NotSentError: there is no answer now.

        """
        if kind == "stock":
            return await stock(self._api, str(query["sku"]), query.get("location"))
        if kind == "demand":
            return await demand(self._api, str(query["sku"]))
        raise RefusedError(f"Tryton can't be asked for {kind}, only for stock and demand")

    async def check(self) -> str:
        """Ask for everything that orders and questions need, of things that nobody has.

        Raises:
            RefusedError: the key is wrong, or something can't be seen.
            NotSentError: it does not answer.

        """
        await warehouses(self._api, self._settings.warehouse or None)
        fields = [
            [name, "=", None] for name in self._more.root
        ]  # where nothing is found, only a domain's are looked at
        await self._api.search(ORDER, [["reference", "=", "dutyd"], *fields], ["state", *sorted(OURS)])
        await stock(self._api, "dutyd", None)
        await demand(self._api, "dutyd")
        database = self._settings.database
        return f"Tryton at {self._api.url} answers, database {database}, company {await self._api.company()}"

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    async def _order(self, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a draft; raises RefusedError where something that *body* names is not there."""
        lines, supplier, places, currency = await asyncio.gather(
            asyncio.gather(*(self._line(each) for each in body.get("lines") or [body])),
            self._supplier(str(body.get("supplier"))),
            warehouses(self._api, str(body.get("location") or self._settings.warehouse) or None),
            self._currency(str(body.get("currency") or "")),
        )
        if len(places) > 1:
            raise RefusedError(f"{self._api.url} has {len(places)} warehouses: say under `warehouse` which one")
        more = self._more.render(look_in({**body, "key": key, "makes": "purchase_order"}))
        return {
            **more,
            "party": supplier["id"],
            "invoice_address": _address(supplier),
            "company": await self._api.company(),
            "currency": currency,
            "warehouse": places[0]["id"],
            "reference": key,
            "comment": body.get("note"),
            "lines": [["create", lines]],
        }

    async def _line(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of an order's line; raises RefusedError where its article is not there."""
        sku, price = str(wanted.get("sku")), wanted.get("unit_price")
        if (article := await find_article(self._api, sku)) is None:
            raise RefusedError(f"{self._api.url} has no article of the code '{sku}'")
        return {
            "product": article["id"],
            "quantity": wanted.get("quantity"),
            "unit": article["default_uom"]["id"],
            "unit_price": None if price is None else Decimal(str(price)),
        }

    async def _supplier(self, name: str) -> dict[str, Any]:
        domain = ["OR", [["code", "=", name]], [["name", "=", name]]]
        found = await self._api.search("party.party", domain, ["addresses.invoice", "addresses.active"])
        if len(found) != 1:
            how = f"{len(found)} suppliers" if found else "no supplier"
            raise RefusedError(f"{self._api.url} has {how} of the code or name '{name}'")
        return found[0]

    async def _currency(self, code: str) -> int:
        if not code:
            domain = [["id", "=", await self._api.company()]]
            (company,) = await self._api.search("company.company", domain, ["currency"])
            return int(company["currency"])
        if not (found := await self._api.search("currency.currency", [["code", "=", code]], ["code"])):
            raise RefusedError(f"{self._api.url} has no currency {code}")
        return int(found[0]["id"])

    async def _place(self, order: str) -> Receipt:
        if not (order.isascii() and order.isdigit()):
            raise RefusedError(
                f"'{order[:100]}' is no order of this Tryton's: give the id that draft_purchase_order gave"
            )
        state = await self._state(order)
        for before, button in (("draft", "quote"), ("quotation", "confirm")):
            if state == before:  # pressed on an order that is further, they are an error
                await self._api.press(ORDER, int(order), button)
                state = await self._state(order)
        if state not in PLACED:
            raise RefusedError(f"order {order} can't be placed: it is {state}")
        return self._receipt(int(order))

    async def _state(self, order: str) -> str:
        found = await self._api.search(ORDER, [["id", "=", int(order)]], ["state"])
        return str(found[0]["state"]) if found else "not there"

    def _receipt(self, order: int) -> Receipt:
        return Receipt(str(order), {"id": str(order), "url": f"{self._page}/{order}"})


def _address(supplier: Mapping[str, Any]) -> int | None:
    """Return the address for invoices, or the first."""
    active = [each for each in supplier["addresses"] if each["active"]]
    return next((each["id"] for each in sorted(active, key=lambda each: not each["invoice"])), None)


def _problems(settings: TrytonSettings) -> Iterator[str]:
    scope = names_for("purchase_order", ())
    for template in settings.fields.templates():
        yield from check_names("fields", template, scope)
    if not isinstance(settings.fields.root, Mapping):
        yield "fields: holds the names of fields, one `name: value` a line below it"
    else:
        yield from (f"fields.{name} is ours" for name in settings.fields.root if name in OURS)
