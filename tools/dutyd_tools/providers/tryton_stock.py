"""What Tryton knows of stock and demand: the questions ``stock`` and ``demand`` of the provider ``tryton``.

An article's code comes in, rows as ``check_stock_levels`` and ``predict_demand`` want them go out. What bites: a
quantity that is asked for without a location is 0.0 and no error, so that each warehouse is asked for by itself; and
Tryton's own forecast counts what customers will get but no draft of an order, so that what is on its way is counted
here: from orders that are not yet done, drafts too, what has not yet come.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from dutyd.core.tool import RefusedError
from dutyd_tools.providers.tryton_api import MOST, TrytonApi

OPEN = ("draft", "quotation", "confirmed", "processing")
GONE = ("customer", "production")
HERE = ("done", "cancelled")


async def stock(api: TrytonApi, sku: str, location: str | None) -> list[dict[str, Any]]:
    """Return a row for each warehouse, or for the one named *location*; none where there is no such article.

    Raises:
        RefusedError: there is no such warehouse, or two articles of this code.
        NotSentError: there is no answer now.

    """
    article, places = await asyncio.gather(find_article(api, sku), warehouses(api, location))
    if article is None:
        return []
    product, ordered = article["id"], await _on_order(api, article)
    there = await asyncio.gather(*(_quantity(api, product, place["id"]) for place in places))
    return [
        {"sku": sku, "location": name_of(place), "inventory_level": level, "on_order": ordered.get(place["id"], 0.0)}
        for place, level in zip(places, there, strict=True)
    ]


async def demand(api: TrytonApi, sku: str) -> list[dict[str, Any]]:
    """Return, for each day that had any, what went to customers and into production; raises as ``stock`` does."""
    if (article := await find_article(api, sku)) is None:
        return []
    domain = [["product", "=", article["id"]], ["state", "=", "done"], ["to_location.type", "in", GONE]]
    moves = await api.search("stock.move", domain, ["effective_date", "internal_quantity"], newest="effective_date")
    days: dict[str, float] = defaultdict(float)
    for move in moves:
        days[_day(move["effective_date"])] += move["internal_quantity"]
    if len(moves) >= MOST:  # the oldest day may not be whole
        days.pop(min(days))
    return [{"day": day, "quantity": quantity} for day, quantity in sorted(days.items())]


async def find_article(api: TrytonApi, sku: str) -> dict[str, Any] | None:
    """Return the active article of this code; None where there is none. Raises RefusedError where there are several."""
    found = await api.search("product.product", [["code", "=", sku]], ["code", "default_uom.factor"])
    if len(found) > 1:
        raise RefusedError(f"{api.url} has {len(found)} articles of the code '{sku}': which one?")
    return found[0] if found else None


async def warehouses(api: TrytonApi, name: str | None) -> list[dict[str, Any]]:
    """Return all warehouses, or the one of this code or *name*; raises RefusedError where there is none."""
    every = await api.search("stock.location", [["type", "=", "warehouse"]], ["code", "name"])
    found = [place for place in every if not name or name in (place["code"], place["name"])]
    if not found or (name and len(found) > 1):
        there = ", ".join(name_of(place) for place in every) or "none"
        raise RefusedError(f"{api.url} has no one warehouse '{name or ''}', but: {there}")
    return found


def name_of(place: Mapping[str, Any]) -> str:
    """Return the code of a warehouse, or its name where it has none."""
    return str(place["code"] or place["name"])


async def _quantity(api: TrytonApi, product: int, warehouse: int) -> float:
    context = {"locations": [warehouse], "with_childs": True}
    (found,) = await api.search("product.product", [["id", "=", product]], ["quantity"], context)
    return float(found["quantity"])


async def _on_order(api: TrytonApi, article: Mapping[str, Any]) -> dict[int, float]:
    """Return by warehouse what is ordered and has not come, in the article's own unit."""
    domain = [["product", "=", article["id"]], ["purchase.state", "in", OPEN], ["quantity", ">", 0]]
    fields = ["quantity", "unit.factor", "purchase.warehouse", "moves.state", "moves.internal_quantity"]
    ordered: dict[int, float] = defaultdict(float)
    for line in await api.search("purchase.line", domain, fields):
        if (warehouse := line["purchase"]["warehouse"]) is not None:
            whole = line["quantity"] * line["unit"]["factor"] / article["default_uom"]["factor"]
            ordered[warehouse] += _to_come(line["moves"], whole)
    return ordered


def _to_come(moves: Sequence[Mapping[str, Any]], whole: float) -> float:
    """Return what of an order's line is still to come: all of it, until it has deliveries of its own."""
    return sum(move["internal_quantity"] for move in moves if move["state"] not in HERE) if moves else whole


def _day(date: Mapping[str, int]) -> str:
    return f"{date['year']:04}-{date['month']:02}-{date['day']:02}"
