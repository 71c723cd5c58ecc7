"""Tables that expressions look up in: ``lookup("suppliers", supplier, "lead_days", 14)``.

``rules.tables`` reads them; ``bind`` gives a parsed expression the rows it asks for, once at load, so that evaluating
it needs nothing but the expression. A row is found by the text of its key, as entities are: 12 and "12" are one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dutyd.core.expr.errors import ExpressionError, near
from dutyd.core.expr.operators import key_text
from dutyd.core.expr.tree import (
    Binary,
    Call,
    Expr,
    ListOf,
    Lookup,
    Node,
    Ternary,
    Type,
    Unary,
    Value,
    Window,
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what its values are, and the value of each key that has one."""

    type: Type
    values: Mapping[str, Value]


Tables = Mapping[str, Mapping[str, Column]]
"""Table and column by name."""


def find_row(values: Mapping[str, Value] | None, key: object, default: object | None) -> object | None:
    """Return what *values* say of *key*, else *default*; None where the key is unknown or can't be one."""
    text = key_text(key)
    if text is None or values is None:
        return None
    return values.get(text, default)


def bind(expr: Expr, tables: Tables) -> Expr:
    """Return *expr* with the columns that it looks up in.

    Raises:
        ExpressionError: there is no such table or column.

    """
    return replace(expr, root=_bound(expr.root, tables, expr.offset)) if "lookup" in expr.text else expr


def _bound(node: Node, tables: Tables, offset: int) -> Node:  # noqa: PLR0911  # one kind of node after the other
    match node:
        case Lookup():
            column = _column(node, tables, offset)
            key = _bound(node.key, tables, offset)
            default = None if node.default is None else _bound(node.default, tables, offset)
            return replace(node, key=key, default=default, values=column.values, gives=column.type)
        case Unary():
            return replace(node, operand=_bound(node.operand, tables, offset))
        case Binary():
            return replace(node, left=_bound(node.left, tables, offset), right=_bound(node.right, tables, offset))
        case Ternary():
            condition, then, other = (_bound(part, tables, offset) for part in (node.condition, node.then, node.other))
            return Ternary(condition, then, other, node.at)
        case ListOf():
            return replace(node, items=tuple(_bound(item, tables, offset) for item in node.items))
        case Call():
            return replace(node, args=tuple(_bound(arg, tables, offset) for arg in node.args))
        case Window(filter=found) if found is not None:
            return replace(node, filter=_bound(found, tables, offset))
    return node


def _column(node: Lookup, tables: Tables, offset: int) -> Column:
    at = offset + node.at + 1
    if node.table not in tables:
        listed = (
            f"there are {', '.join(sorted(tables))}" if tables else "put it into the folder tables beside the rules"
        )
        raise ExpressionError(f"there is no table '{node.table}'", at, near(node.table, tuple(tables)) or listed)
    columns = tables[node.table]
    if node.column not in columns:
        hint = near(node.column, tuple(columns)) or f"it has {', '.join(columns)}"
        raise ExpressionError(f"table '{node.table}' has no column '{node.column}'", at, hint)
    return columns[node.column]
