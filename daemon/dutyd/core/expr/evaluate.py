"""The tree-walking evaluator: a tree and a way to look values up in, a value or None (unknown) out; it never raises.

Used where an expression is asked now and then (conditions of steps, templates, ``explain``, tests); the engine
compiles the same trees instead, and a test holds the two together. ``operators`` says what each operator means.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from dutyd.core.expr.functions import FUNCTIONS
from dutyd.core.expr.operators import BINARY, both, either, invert, kind, negate
from dutyd.core.expr.tables import find_row
from dutyd.core.expr.text import to_text
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

Look = Callable[[Name | Has | Window | Prev], object | None]
"""Supplies the value of a leaf, None when it has none; for ``Has`` a bool."""


def evaluate(tree: Node | Expr, look: Look) -> object | None:
    """Return the value of *tree*: a number, text, bool, list (as a tuple where the text wrote it), or None: unknown.

    A name alone gives what *look* gives, an object too.
    """
    node = tree.root if isinstance(tree, Expr) else tree
    value = _BY_NODE[type(node)](node, look)
    return None if kind(value) == "unknown" else value


def look_in(values: Mapping[str, object]) -> Look:
    """Return a look into *values*: a dotted name as it stands, else by its parts through inner mappings.

    A window and a ``prev`` are looked up by their canonical text (``to_text``), as evidence keeps them.
    """

    def look(node: Name | Has | Window | Prev) -> object | None:
        if isinstance(node, Window | Prev):
            return values.get(to_text(node))
        value = find(values, node.name)
        return value is not None if isinstance(node, Has) else value

    return look


def look_with(name: str, value: object, look: Look) -> Look:
    """Return *look* with *value* under *name*, before all that it knows."""
    own = look_in({name: value})

    def both(node: Name | Has | Window | Prev) -> object | None:
        mine = isinstance(node, Name | Has) and node.name.partition(".")[0] == name
        return own(node) if mine else look(node)

    return both


def find(values: Mapping[str, object], name: str) -> object | None:
    """Return the value of the dotted *name*: ``a.b.c``, else ``a.b`` and in it ``c``, else ``a`` and in it ``b.c``."""
    if name in values:
        return values[name]
    head, dot, _ = name.rpartition(".")
    while dot:
        inner = values.get(head)
        if isinstance(inner, Mapping):
            found = find(inner, name[len(head) + 1 :])
            if found is not None:
                return found
        head, dot, _ = head.rpartition(".")
    return None


def _literal(node: Literal, _: Look) -> object | None:
    return node.value


def _leaf(node: Name | Window | Prev, look: Look) -> object | None:
    return look(node)


def _has(node: Has, look: Look) -> bool:
    return look(node) is True


def _list(node: ListOf, look: Look) -> tuple[object, ...] | None:
    """A list with an unknown item is unknown as a whole."""
    items = tuple(evaluate(item, look) for item in node.items)
    return None if None in items else items


def _unary(node: Unary, look: Look) -> object | None:
    value = evaluate(node.operand, look)
    return invert(value) if node.op == "!" else negate(value)


def _binary(node: Binary, look: Look) -> object | None:
    left = evaluate(node.left, look)
    if node.op == "&&":
        return False if left is False else both(left, evaluate(node.right, look))
    if node.op == "||":
        return True if left is True else either(left, evaluate(node.right, look))
    return BINARY[node.op](left, evaluate(node.right, look))


def _ternary(node: Ternary, look: Look) -> object | None:
    condition = evaluate(node.condition, look)
    if not isinstance(condition, bool):
        return None
    return evaluate(node.then if condition else node.other, look)


def _call(node: Call, look: Look) -> object | None:
    args = [evaluate(arg, look) for arg in node.args]
    return None if None in args else FUNCTIONS[node.function].apply(*args)


def _lookup(node: Lookup, look: Look) -> object | None:
    default = None if node.default is None else evaluate(node.default, look)
    return find_row(node.values, evaluate(node.key, look), default)


_BY_NODE: Final[Mapping[type[Node], Callable[[Any, Look], object | None]]] = {
    Literal: _literal,
    ListOf: _list,
    Name: _leaf,
    Unary: _unary,
    Binary: _binary,
    Ternary: _ternary,
    Has: _has,
    Call: _call,
    Lookup: _lookup,
    Window: _leaf,
    Prev: _leaf,
}
