"""Daily stock events with a known answer: seeded demand, and the reference policy that says what must be ordered.

A shop sells; at the end of a day on which the stock is below the reorder point and nothing is on order, it orders; the
delivery arrives at the start of the seventh day after. What the policy ordered is exactly what dutyd must order.
"""

import json
import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

FIRST_DAY = datetime(2026, 1, 1, 23, tzinfo=UTC)
LEAD_DAYS = 7


@dataclass(frozen=True)
class Stock:
    """Events in the order of days, and how many orders each SKU must get."""

    events: list[dict[str, object]]
    orders: Counter[str]

    def write(self, file: Path) -> Path:
        """Write the events as JSON lines."""
        file.write_text("".join(json.dumps(event) + "\n" for event in self.events))
        return file


def seeded_stock(seed: int = 7, skus: int = 12, days: int = 200) -> Stock:
    """Return *days* of *skus*, always the same for one *seed*."""
    chance = random.Random(seed)
    lanes = [list(_lane(f"SKU-{number}", chance.uniform(3, 40), days, chance)) for number in range(skus)]
    events = [event for day in zip(*lanes, strict=True) for event, _ in day]
    orders = Counter(str(event["sku"]) for lane in lanes for event, ordered in lane if ordered)
    return Stock(events, orders)


def _lane(sku: str, demand: float, days: int, chance: random.Random) -> Iterator[tuple[dict[str, object], bool]]:
    reorder_point, quantity = math.ceil(demand * LEAD_DAYS * 1.5), math.ceil(demand * 28)
    level, arrives = reorder_point + quantity, -1
    for day in range(days):
        if day == arrives:
            level, arrives = level + quantity, -1
        level -= min(level, round(chance.gauss(demand, demand / 2)) if chance.random() < 0.8 else 0)
        on_order = quantity if arrives > day else 0
        ordered = not on_order and level < reorder_point
        if ordered:
            arrives = day + LEAD_DAYS
        time = FIRST_DAY + timedelta(days=day)
        yield (
            {
                "id": f"{sku}/{day}",
                "time": time.isoformat().replace("+00:00", "Z"),
                "sku": sku,
                "location": "main",
                "inventory_level": level,
                "on_order": on_order,
                "reorder_point": reorder_point,
                "order_quantity": quantity,
                "unit_price": 2.5,
                "supplier": f"S{len(sku)}",
            },
            ordered,
        )
