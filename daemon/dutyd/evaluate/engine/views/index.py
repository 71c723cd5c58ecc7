"""The field index of a view: from a field of an event to the tables that its value may touch.

Built by ``View`` from its tables. For most fields there is one table of thresholds: its entry holds the guard (band
and masks) itself, so that ``View.see`` decides with two comparisons and one look-up whether to go on.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dutyd.core.expr.tree import Name
from dutyd.evaluate.engine.compiled.aggregates import Aggregate, Kind
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.views.feeds import Feed, Todo
from dutyd.evaluate.engine.views.followers import feed_of
from dutyd.evaluate.engine.views.tables import Table

if TYPE_CHECKING:
    from dutyd.evaluate.engine.views.view import View


def takes_all(aggregate: Aggregate) -> bool:
    """Whether every event tells it something: it counts them, or says since when a field is absent."""
    return aggregate.field is None or aggregate.kind is Kind.ABSENCE


class More:
    """What one field touches beside its table of thresholds.

    Attributes:
        field: its name.
        feeds: of the windows that may take it as a sample.
        tables: other tables that it touches.

    """

    __slots__ = ("feeds", "field", "tables")

    def __init__(self, field: str) -> None:
        self.field = field
        self.feeds: list[Feed] = []
        self.tables: list[Table] = []


Entry = tuple[str, float, float, dict[Key, int], Table | None, More | None]
"""The field, low and high end of the band, masks, the table they belong to, and what else the field touches."""


class Index:
    """The tables of a view by what touches them.

    Attributes:
        entries: by field.
        feeds: by aggregate.
        counted: those that take events whatever their fields are.
        always: tables that every event may touch.

    """

    __slots__ = ("always", "counted", "entries", "feeds")

    def __init__(self, view: "View") -> None:
        """Sort the tables of *view*."""
        self.feeds = [feed_of(at, view) for at in range(len(view.plan.aggregates.all))]
        for table in view.tables:
            for at in sorted(table.plan.reads):
                self.feeds[at].join(table)
        by_field = list(zip(view.plan.aggregates.all, self.feeds, strict=True))
        self.counted = [feed for aggregate, feed in by_field if takes_all(aggregate)]
        self.always = [table for table in view.tables if table.plan.touch is None]
        self.entries = _entries(
            view.tables, [(each.field, feed) for each, feed in by_field if not takes_all(each) and each.field]
        )

    def reading(self, aggregates: Iterable[int]) -> Todo:
        """Return the tables that read one of *aggregates*, each once, in a certain order."""
        return dict.fromkeys(table for at in sorted(aggregates) for table in self.feeds[at].readers)


def _entries(tables: Iterable[Table], feeds: Iterable[tuple[str, Feed]]) -> dict[str, Entry]:
    first: dict[str, Table] = {}
    more: dict[str, More] = {}
    for field, feed in feeds:
        more.setdefault(field, More(field)).feeds.append(feed)
    for table in tables:
        for field in table.plan.touch.fields if table.plan.touch is not None else ():
            if isinstance(table.plan.quantity, Name) and field not in first:
                first[field] = table
            else:
                more.setdefault(field, More(field)).tables.append(table)
    return {field: _entry(field, first.get(field), more.get(field)) for field in {**first, **more}}


def _entry(field: str, table: Table | None, more: More | None) -> Entry:
    if table is None:
        return (field, -math.inf, math.inf, {}, None, more)
    return (field, *table.band, table.masks, table, more)
