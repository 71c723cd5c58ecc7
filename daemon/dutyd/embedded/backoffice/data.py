"""Local data for the reading tools: stock, daily demand, samples of metrics.

Rows come in bulk by POST, and are answered by GET. Stock is the newest state of a SKU at a location, demand one number
a SKU and day, samples are appended. What is not there is an empty list: the tools say "no data".
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from dutyd.embedded.backoffice.database import Database

MOST_DAYS = 730  # of demand that one answer holds
MOST_SAMPLES = 10_000  # of one metric that one answer holds
_NOW = "(julianday('now') - 2440587.5) * 86400.0"  # seconds since the epoch, by the server's clock

Rows = list[dict[str, Any]]


class Stock(BaseModel):
    """What lies of a SKU at a location; further members (reorder point, supplier, ...) are kept as they are."""

    model_config = ConfigDict(extra="allow")
    sku: str
    location: str = "main"
    inventory_level: FiniteFloat
    on_order: FiniteFloat = 0.0


class Demand(BaseModel):
    """How many pieces of a SKU went out on a day."""

    model_config = ConfigDict(extra="forbid")
    sku: str
    day: date
    quantity: FiniteFloat = Field(ge=0)


class Sample(BaseModel):
    """One value of a metric; without a time it is of now."""

    model_config = ConfigDict(extra="forbid")
    metric: str
    value: FiniteFloat
    time: datetime | None = None
    labels: dict[str, str] = {}


class Data:
    """What the reading tools are answered from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_stock(self, rows: Sequence[Stock]) -> None:
        """Take the newest state of each SKU and location."""
        values = [(row.sku, row.location, row.model_dump_json()) for row in rows]
        with self._database.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO stock VALUES (?, ?, ?)", values)

    def put_demand(self, rows: Sequence[Demand]) -> None:
        """Take the demand of days; a day told twice counts as told last."""
        values = [(row.sku, row.day.isoformat(), row.quantity) for row in rows]
        with self._database.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO demand VALUES (?, ?, ?)", values)

    def put_samples(self, rows: Sequence[Sample]) -> None:
        """Append samples."""
        values = [(row.metric, _epoch(row.time), row.value, json.dumps(row.labels)) for row in rows]
        with self._database.transaction() as connection:
            connection.executemany(f"INSERT INTO samples VALUES (?, coalesce(?, {_NOW}), ?, ?)", values)  # noqa: S608 - a constant

    def stock(self, sku: str | None = None, location: str | None = None) -> Rows:
        """Return the stock of *sku* at *location*; None means every one."""
        rows = self._database.rows(
            "SELECT body FROM stock WHERE sku = coalesce(?, sku) AND location = coalesce(?, location)"
            " ORDER BY sku, location",
            (sku, location),
        )
        return [json.loads(row["body"]) for row in rows]

    def demand(self, sku: str | None = None) -> Rows:
        """Return the daily demand of *sku*, oldest first, at most ``MOST_DAYS`` of the newest."""
        rows = self._database.rows(
            "SELECT * FROM demand WHERE sku = coalesce(?, sku) ORDER BY day DESC LIMIT ?", (sku, MOST_DAYS)
        )
        return [dict(row) for row in reversed(rows)]

    def samples(
        self, metric: str | None = None, labels: Mapping[str, str] | None = None, minutes: float | None = None
    ) -> Rows:
        """Return the samples of *metric* that carry all of *labels*, of the last *minutes*, oldest first."""
        rows = self._database.rows(
            "SELECT * FROM samples WHERE metric = coalesce(?, metric)"  # noqa: S608 - a constant
            f" AND time > coalesce({_NOW} - ? * 60.0, 0) ORDER BY time DESC, rowid DESC LIMIT ?",
            (metric, minutes, MOST_SAMPLES),
        )
        told = [dict(row) | {"labels": json.loads(row["labels"]), "time": _text(row["time"])} for row in reversed(rows)]
        return [row for row in told if (labels or {}).items() <= row["labels"].items()]


def _epoch(time: datetime | None) -> float | None:
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _text(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
