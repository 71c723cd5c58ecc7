"""Questions and their rows: what a question may narrow, and which fields its rows must have.

The contract of ``providers`` (see its first lines) as values: settings are held against it when they are read, and
what a system answers before a tool counts with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dutyd.core.secrets import quoted
from dutyd.core.tool import RefusedError

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "tickets": ("query", "project"),
    "stock": ("sku", "location"),
    "demand": ("sku",),
    "samples": ("metric", "labels", "minutes"),
    "runbooks": ("query",),
}
"""What each question may be narrowed by."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "tickets": ("id", "title"),
    "stock": ("inventory_level", "on_order"),
    "demand": ("day", "quantity"),
    "samples": ("time", "value"),
    "runbooks": ("page", "text"),
}
"""The fields that a row must have: without them a tool would be wrong or say nothing."""

NUMBERS = frozenset({"inventory_level", "on_order", "quantity", "value", "time"})
"""Those that tools count with."""


def checked(kind: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return *rows* with their numbers as numbers; one that comes as a text, as decimals often do, is read as one.

    Raises:
        RefusedError: a field is missing, or is no number.

    """
    return [_checked(kind, number, row) for number, row in enumerate(rows, 1)]


def _checked(kind: str, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    missing = [name for name in FIELDS.get(kind, ()) if row.get(name) is None]
    if missing:
        raise RefusedError(f"{kind}, row {number}: {', '.join(missing)} missing (it has {', '.join(row) or 'nothing'})")
    return {name: _number(kind, number, name, value) if name in NUMBERS else value for name, value in row.items()}


def _number(kind: str, number: int, name: str, value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        raise RefusedError(f"{kind}, row {number}: {name} is no number: {quoted(repr(value))}") from None
