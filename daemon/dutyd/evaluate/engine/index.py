"""The field index of a view: from a field of an event to the tables that its value may touch.

Built by ``View`` from its tables. For most fields there is one table of thresholds: its entry holds the guard (band
and masks) itself, so that ``View.see`` decides with two comparisons and one look-up whether to go on.
"""

import math
from collections.abc import Iterable, Sequence

from dutyd.core.expr.tree import Name
from dutyd.evaluate.engine.aggregates import Aggregates
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.tables import Table


class More:
    """What one field touches beside its table of thresholds.

    Attributes:
        field: its name.
        aggregates: those that may take it as a sample.
        tables: other tables that it touches.

    """

    __slots__ = ("aggregates", "field", "tables")

    def __init__(self, field: str) -> None:
        self.field = field
        self.aggregates: list[int] = []
        self.tables: list[Table] = []


Entry = tuple[float, float, dict[Key, int], Table | None, More | None]
"""Low and high end of the band, masks, the table they belong to, and what else the field touches."""


class Index:
    """The tables of a view by what touches them.

    Attributes:
        entries: by field.
        counted: aggregates that take events whatever their fields are.
        always: tables that every event may touch.
        sampled: by aggregate: tables that a new sample may touch.
        readers: by aggregate: tables that read it.

    """

    __slots__ = ("always", "counted", "entries", "readers", "sampled")

    def __init__(self, tables: Sequence[Table], aggregates: Aggregates) -> None:
        self.always = [table for table in tables if table.plan.touch is None]
        self.counted = [at for at, each in enumerate(aggregates.all) if each.field is None]
        self.sampled = [_with(tables, at, "samples") for at in range(len(aggregates.all))]
        self.readers = [_with(tables, at, "reads") for at in range(len(aggregates.all))]
        self.entries = _entries(tables, aggregates)

    def reading(self, aggregates: Iterable[int]) -> dict[Table, None]:
        """Return the tables that read one of *aggregates*, each once, in a certain order."""
        return dict.fromkeys(table for at in sorted(aggregates) for table in self.readers[at])


def _with(tables: Iterable[Table], at: int, what: str) -> list[Table]:
    return [table for table in tables if at in getattr(table.plan, what)]


def _entries(tables: Iterable[Table], aggregates: Aggregates) -> dict[str, Entry]:
    first: dict[str, Table] = {}
    more: dict[str, More] = {}
    for at, aggregate in enumerate(aggregates.all):
        if aggregate.field is not None:
            more.setdefault(aggregate.field, More(aggregate.field)).aggregates.append(at)
    for table in tables:
        for field in table.plan.touch.fields if table.plan.touch is not None else ():
            if isinstance(table.plan.quantity, Name) and field not in first:
                first[field] = table
            else:
                more.setdefault(field, More(field)).tables.append(table)
    return {field: _entry(first.get(field), more.get(field)) for field in {**first, **more}}


def _entry(table: Table | None, more: More | None) -> Entry:
    if table is None:
        return (-math.inf, math.inf, {}, None, more)
    return (*table.band, table.masks, table, more)
