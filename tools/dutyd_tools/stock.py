"""Stock and demand: what is there, what is on its way, what will be wanted."""

from typing import Any

from pydantic import Field

from dutyd.core.tool import Args, Provider, reads
from dutyd_tools.forecast import daily, forecast
from dutyd_tools.values import NO_DATA, Whole, plain


class CheckStockLevels(Args):
    """Arguments of ``check_stock_levels``."""

    sku: str = Field(description="Which article.", min_length=1, max_length=200)
    location: str = Field("", description="Only at this location.", max_length=200)


class PredictDemand(Args):
    """Arguments of ``predict_demand``."""

    sku: str = Field(description="Which article.", min_length=1, max_length=200)
    days: Whole = Field(description="How many days ahead.", ge=1, le=366)


@reads("stock")
async def check_stock_levels(provider: Provider, args: CheckStockLevels) -> Any:
    """Tell how much of an article is in stock and on order, in all and by location."""
    rows = await provider.read("stock", {"sku": args.sku, "location": args.location or None})
    if not rows:
        return {"sku": args.sku, "note": NO_DATA}
    totals = {name: plain(sum(row[name] for row in rows)) for name in ("inventory_level", "on_order")}
    return {"sku": args.sku, **totals, "locations": rows}


@reads("stock")
async def predict_demand(provider: Provider, args: PredictDemand) -> Any:
    """Estimate how much of an article the next days will ask for, from its daily demand so far."""
    rows = await provider.read("demand", {"sku": args.sku})
    history = daily({row["day"]: row["quantity"] for row in rows})
    if not history:
        return {"sku": args.sku, "days": args.days, "note": NO_DATA}
    expected = forecast(history)
    return {
        "sku": args.sku,
        "days": args.days,
        "quantity": plain(round(expected.per_day * args.days, 1)),
        "per_day": round(expected.per_day, 3),
        "method": expected.method,
        "history_days": len(history),
    }
