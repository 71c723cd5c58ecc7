"""Trees and values as text: ``to_text`` prints a tree canonically, ``number_text`` a number as people write it.

The canonical text of a node is its key in evidence and what ``explain`` shows: two ways to write one thing print the
same, and what is printed parses back to the same tree.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from dutyd.core.duration import UNIT_SECONDS
from dutyd.core.expr.functions import RECEIVERS
from dutyd.core.expr.precedence import COMPARISON, PRIMARY, TERNARY, UNARY, power
from dutyd.core.expr.tree import (
    Binary,
    Call,
    Expr,
    Has,
    ListOf,
    Literal,
    Lookup,
    Name,
    Node,
    Prev,
    Ternary,
    Unary,
    Window,
)

_ESCAPED: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def to_text(tree: Node | Expr) -> str:
    """Return the canonical text of *tree*: ``a && b < 5``, marks for words, brackets only where they are needed."""
    node = tree.root if isinstance(tree, Expr) else tree
    return _BY_NODE[type(node)](node)


def number_text(value: float) -> str:
    """Return a finite number as people write it: ``12``, ``0.3``, ``1500000``; 15 digits, so no noise of doubles."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e21):
        return str(int(value))
    text = f"{value:.15g}"
    return f"{Decimal(text):f}" if "e-0" in text else text


def duration_text(seconds: float) -> str:
    """Return a duration in the largest unit that holds it whole: ``5m``, ``90s``, ``100ms``, ``0s``."""
    thousandths = round(seconds * 1000)
    sizes = {unit: round(size * 1000) for unit, size in UNIT_SECONDS.items()}
    unit = next(unit for unit in reversed(sizes) if thousandths % sizes[unit] == 0) if thousandths else "s"
    return f"{thousandths // sizes[unit]}{unit}"


def quoted(text: str) -> str:
    """Return *text* as a literal in double quotes."""
    return '"' + "".join(_ESCAPED.get(character, character) for character in text) + '"'


def _literal(node: Literal) -> str:
    if node.value is None:
        return "null"
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    if isinstance(node.value, str):
        return quoted(node.value)
    return repr(node.value).removesuffix(".0")


def _inside(node: Node, least: int) -> str:
    """Print *node* where only what binds at least as tight as *least* stands without brackets."""
    return to_text(node) if power(node) >= least else f"({to_text(node)})"


def _unary(node: Unary) -> str:
    return node.op + _inside(node.operand, UNARY)


def _binary(node: Binary) -> str:
    own = power(node)
    # Comparisons don't chain, so that a comparison on the left stands in brackets too.
    left = _inside(node.left, own + 1 if own == COMPARISON else own)
    return f"{left} {node.op} {_inside(node.right, own + 1)}"


def _ternary(node: Ternary) -> str:
    condition = _inside(node.condition, TERNARY + 1)
    return f"{condition} ? {_inside(node.then, TERNARY + 1)} : {to_text(node.other)}"


def _call(node: Call) -> str:
    if node.function in RECEIVERS:
        receiver, *args = node.args
        return f"{_inside(receiver, PRIMARY)}.{node.function}({_joined(args)})"
    return f"{node.function}({_joined(node.args)})"


def _joined(nodes: "list[Node] | tuple[Node, ...]") -> str:
    return ", ".join(to_text(node) for node in nodes)


def _lookup(node: Lookup) -> str:
    default = "" if node.default is None else f", {to_text(node.default)}"
    return f"lookup({quoted(node.table)}, {to_text(node.key)}, {quoted(node.column)}{default})"


def _window(node: Window) -> str:
    parts = [node.field, duration_text(node.seconds), None if node.filter is None else to_text(node.filter)]
    parts += [None if node.by is None else f"by({node.by})"]
    return f"{node.function}({', '.join(part for part in parts if part is not None)})"


_BY_NODE: Final[Mapping[type[Node], Callable[[Any], str]]] = {
    Literal: _literal,
    ListOf: lambda node: f"[{_joined(node.items)}]",
    Name: lambda node: node.name,
    Unary: _unary,
    Binary: _binary,
    Ternary: _ternary,
    Has: lambda node: f"has({node.name})",
    Call: _call,
    Lookup: _lookup,
    Window: _window,
    Prev: lambda node: f"prev({node.field})",
}
