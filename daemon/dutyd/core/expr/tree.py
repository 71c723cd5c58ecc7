"""The tree of an expression: what the parser makes, and what the checker, the evaluator and the compiler read.

Nodes are frozen and know the column where they stand (``at``, 0-based offset into the text), so that every message
can point; two nodes that stand in different places but say the same are equal. ``None`` as a value means *unknown*
everywhere: a missing, null or mistyped field, a division by zero.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal as Choice

Value = float | int | str | bool | tuple[object, ...]
"""What an expression can be; unknown is None."""


class Type(StrEnum):
    """What an expression is known to be before any event is read; its text is what messages call it."""

    NUMBER = "a number"
    TEXT = "a text"
    BOOL = "true or false"
    LIST = "a list"
    ANY = "anything"  # a field whose type nobody declared


@dataclass(frozen=True, slots=True)
class Literal:
    """A number (always a float when parsed), text or bool as written; ``null`` is the literal None."""

    value: float | int | str | bool | None
    at: int = dataclasses.field(default=0, compare=False)

    def __eq__(self, other: object) -> bool:
        """Equal in type and value: to Python ``1 == True``, here they are two things."""
        return isinstance(other, Literal) and type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


@dataclass(frozen=True, slots=True)
class ListOf:
    """``[a, b]``."""

    items: tuple["Node", ...]
    at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A field, a ``let`` name, or a prefixed one such as ``steps.page.id``: the whole dotted text."""

    name: str
    at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """``-x`` or ``!x`` (``not x``)."""

    op: Choice["-", "!"]
    operand: "Node"
    at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands: arithmetic, comparison, ``in``, ``&&`` (``and``), ``||`` (``or``)."""

    op: Choice["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"]
    left: "Node"
    right: "Node"
    at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Ternary:
    """``condition ? then : other``."""

    condition: "Node"
    then: "Node"
    other: "Node"
    at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Has:
    """``has(field)``: never unknown."""

    name: str
    at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A pure function of values: ``lower(x)``, ``x.startsWith("a")`` (receiver first in *args*)."""

    function: str
    args: tuple["Node", ...]
    at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Lookup:
    """``lookup("suppliers", supplier, "lead_days", 14)``: what a table says, in one column of the row of *key*.

    Attributes:
        values: of that column by key, once ``tables.bind`` was there; *gives* is their type.

    """

    table: str
    key: "Node"
    column: str
    default: "Node | None" = None
    at: int = dataclasses.field(default=0, compare=False)
    values: Mapping[str, Value] | None = dataclasses.field(default=None, compare=False, repr=False)
    gives: Type = dataclasses.field(default=Type.ANY, compare=False)


@dataclass(frozen=True, slots=True)
class Window:
    """``count(5m[, filter])``, ``avg(field, 5m[, filter])``: over the entity's events of the last *seconds*.

    ``rate`` and ``delta`` follow one counter, or, with *by*, one for each value of that field. ``absent`` is true or
    false: whether no event brought the field.
    """

    function: Choice["count", "sum", "avg", "min", "max", "rate", "delta", "absent"]
    field: str | None
    seconds: float
    filter: "Node | None" = None
    at: int = dataclasses.field(default=0, compare=False)
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Prev:
    """``prev(field)``: the field's value in the entity's event before this one; unknown in the first."""

    field: str
    at: int = dataclasses.field(default=0, compare=False)


Node = Literal | ListOf | Name | Unary | Binary | Ternary | Has | Call | Lookup | Window | Prev


@dataclass(frozen=True, slots=True)
class Expr:
    """A parsed expression: its text and its tree. Two of equal text are equal.

    Attributes:
        offset: where *text* begins in the text that a person wrote: 0, or its place inside a template.

    """

    text: str
    root: Node
    offset: int = dataclasses.field(default=0, compare=False)

    @property
    def names(self) -> frozenset[str]:
        """Every name it reads, fields inside windows, ``prev`` and ``has`` too."""
        found: set[str] = set()
        for node in walk(self.root):
            if isinstance(node, Name | Has):
                found.add(node.name)
            elif isinstance(node, Window | Prev) and node.field is not None:
                found.add(node.field)
            if isinstance(node, Window) and node.by is not None:
                found.add(node.by)
        return frozenset(found)


def children(node: Node) -> tuple[Node, ...]:  # noqa: PLR0911  # one kind of node after the other
    """Return the nodes right below *node*, in the order of the text."""
    match node:
        case ListOf(items=found) | Call(args=found):
            return found
        case Unary():
            return (node.operand,)
        case Binary():
            return (node.left, node.right)
        case Ternary():
            return (node.condition, node.then, node.other)
        case Lookup():
            return (node.key,) if node.default is None else (node.key, node.default)
        case Window():
            return () if node.filter is None else (node.filter,)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield *node* and every node below it, parents first, in the order of the text; as deep as it may be."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(children(found)))
