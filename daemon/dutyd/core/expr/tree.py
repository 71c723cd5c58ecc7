"""The tree of an expression: what the parser makes, and what the checker, the evaluator and the compiler read.

Nodes are frozen and know the column where they stand (``at``, 0-based offset into the text), so that every message
can point. ``None`` as a value means *unknown* everywhere: a missing, null or mistyped field, a division by zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal as Choice

Value = float | int | str | bool | tuple[object, ...]
"""What an expression can be; unknown is None."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, text or bool as written; ``null`` is the literal None."""

    value: float | int | str | bool | None
    at: int = 0


@dataclass(frozen=True, slots=True)
class ListOf:
    """``[a, b]``."""

    items: tuple["Node", ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """A field, a ``let`` name, or a prefixed one such as ``steps.page.id``: the whole dotted text."""

    name: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Unary:
    """``-x`` or ``!x`` (``not x``)."""

    op: Choice["-", "!"]
    operand: "Node"
    at: int = 0


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands: arithmetic, comparison, ``in``, ``&&`` (``and``), ``||`` (``or``)."""

    op: Choice["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"]
    left: "Node"
    right: "Node"
    at: int = 0


@dataclass(frozen=True, slots=True)
class Ternary:
    """``condition ? then : other``."""

    condition: "Node"
    then: "Node"
    other: "Node"
    at: int = 0


@dataclass(frozen=True, slots=True)
class Has:
    """``has(field)``: never unknown."""

    name: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A pure function of values: ``lower(x)``, ``x.startsWith("a")`` (receiver first in *args*)."""

    function: str
    args: tuple["Node", ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """``count(5m[, filter])``, ``avg(field, 5m[, filter])``: over the entity's events of the last *seconds*."""

    function: Choice["count", "sum", "avg", "min", "max"]
    field: str | None
    seconds: float
    filter: "Node | None" = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Prev:
    """``prev(field)``: the field's value in the entity's event before this one; unknown in the first."""

    field: str
    at: int = 0


Node = Literal | ListOf | Name | Unary | Binary | Ternary | Has | Call | Window | Prev


@dataclass(frozen=True, slots=True)
class Expr:
    """A parsed expression: its text and its tree. Two of equal text are equal."""

    text: str
    root: Node

    @property
    def names(self) -> frozenset[str]:
        """Every name it reads, fields inside windows, ``prev`` and ``has`` too."""
        found: set[str] = set()
        for node in walk(self.root):
            if isinstance(node, Name | Has):
                found.add(node.name)
            elif isinstance(node, Window | Prev) and node.field is not None:
                found.add(node.field)
        return frozenset(found)


def walk(node: Node) -> Iterator[Node]:
    """Yield *node* and every node below it, parents first."""
    yield node
    for part in fields(node):
        value = getattr(node, part.name)
        for child in value if isinstance(value, tuple) else (value,):
            if isinstance(child, Node):
                yield from walk(child)
