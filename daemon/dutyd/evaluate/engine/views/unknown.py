"""How often a view's rules found no usable value, where that follows from how many events came and were usable.

An event that lacks the one field that a rule needs is not shown to the rule at all; so these are counted by
subtraction, when somebody asks, and cost nothing per event.
"""

from collections.abc import Iterator

from dutyd.core.expr import to_text
from dutyd.evaluate.engine.views.tables import Table
from dutyd.evaluate.engine.views.view import View

Unknown = tuple[tuple[str, str], int]
"""(rule id, field) and how often."""


def count_unknown(view: View) -> Iterator[Unknown]:
    """Yield, and forget, what was unknown since the last call."""
    for table in view.tables:
        touch, missed = table.plan.touch, view.events - table.seen
        if missed and touch is not None and len(touch.fields) == 1 and not touch.windows:
            yield from _for_all(table, next(iter(touch.fields)), missed)
        if table.unknown and table.plan.quantity is not None:
            yield from _for_all(table, to_text(table.plan.quantity), table.unknown)
        table.seen = table.unknown = 0
    view.events = 0
    if view.each is not None:
        yield from view.each.count_unknown()


def _for_all(table: Table, field: str, times: int) -> Iterator[Unknown]:
    return (((runner.conditions.rule.id, field), times) for runner in table.runners)
