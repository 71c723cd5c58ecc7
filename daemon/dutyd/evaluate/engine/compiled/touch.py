"""Which events can make a condition true: the field index stands on this, so that no event asks every rule.

``touch_of`` looks at a condition before any event is read. A rule whose latch is inactive need not be asked about an
event that lacks what its ``when`` can't be true without, nor, where only windows speak, about one that adds nothing
to them; and where the condition is false for a whole *band* of a number, not about a number inside it. (An entity
whose latch is not inactive is always asked.) This rests on one law: asking again with the same values changes nothing,
because what clears wins over what opens.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from dutyd.core.expr import Node, evaluate
from dutyd.core.expr.tree import Binary, Call, Has, ListOf, Literal, Lookup, Name, Prev, Ternary, Unary, Window, walk


class Band(NamedTuple):
    """The numbers from *low* to *high*, both included, for which a condition can't be true."""

    low: float
    high: float


EVERYTHING: Final = Band(-math.inf, math.inf)
NOTHING: Final = Band(math.inf, -math.inf)


class Threshold(NamedTuple):
    """``quantity op bound``: one number against a constant."""

    quantity: Name | Window
    op: str
    bound: float

    @property
    def band(self) -> Band:
        """Where it does not hold."""
        match self.op:
            case ">":
                return Band(-math.inf, self.bound)
            case ">=":
                return Band(-math.inf, math.nextafter(self.bound, -math.inf))
            case "<":
                return Band(self.bound, math.inf)
        return Band(math.nextafter(self.bound, math.inf), math.inf)


_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE: Final = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def threshold_of(node: Node, *, want: bool = True) -> Threshold | None:
    """Return *node* as a threshold, or what makes it false where *want* is false; None where it is none."""
    if isinstance(node, Unary) and node.op == "!":
        return threshold_of(node.operand, want=not want)
    if not isinstance(node, Binary) or node.op not in _TURNED:
        return None
    op = node.op if want else _OPPOSITE[node.op]
    left, right = _constant(node.left), _constant(node.right)
    if right is not None and isinstance(node.left, Name | Window):
        return Threshold(node.left, op, right)
    if left is not None and isinstance(node.right, Name | Window):
        return Threshold(node.right, _TURNED[op], left)
    return None


def _constant(node: Node) -> float | None:
    if isinstance(node, Unary) and node.op == "-":
        inner = _constant(node.operand)
        return None if inner is None else -inner
    if isinstance(node, Literal) and isinstance(node.value, float | int) and not isinstance(node.value, bool):
        return float(node.value)
    return None


@dataclass(frozen=True, slots=True)
class Touch:
    """What an event must bring.

    Attributes:
        fields: one of these fields, or
        windows: a sample for one of these windows.
        band: for a single field or window: the numbers with which the condition still can't be true.

    """

    fields: frozenset[str] = frozenset()
    windows: frozenset[Window] = frozenset()
    band: Band = NOTHING


_NEVER: Final = Touch()
"""A constant: nothing that an event brings changes it."""


def touch_of(when: Node, clear: Node | None) -> Touch | None:
    """Return what an event must bring to open a rule with these conditions; None: every event may."""
    when = _fold(when)
    touch = _turn(when, want=True)
    if touch is None or touch == _NEVER:
        return None
    if touch.windows and (_reads_events(clear) or _true_when_empty(when)):
        return None
    return touch


def _fold(node: Node) -> Node:  # noqa: C901, PLR0911  # one kind of node after the other
    """Return *node* without parts that read nothing: below, a constant decides neither an and, an or nor a choice."""
    if not any(isinstance(part, Name | Has | Window | Prev) for part in walk(node)):
        value = evaluate(node, lambda _: None)
        return Literal(value) if isinstance(value, float | int | str | bool | None) else node
    match node:
        case Binary():
            left, right = _fold(node.left), _fold(node.right)
            for side in (left, right):
                if node.op in ("&&", "||") and isinstance(side, Literal) and side.value is (node.op == "||"):
                    return side
            return Binary(node.op, left, right)
        case Unary():
            return Unary(node.op, _fold(node.operand))
        case Ternary():
            condition, then, other = (_fold(part) for part in (node.condition, node.then, node.other))
            if isinstance(condition, Literal):
                return Literal(None) if not isinstance(condition.value, bool) else then if condition.value else other
            return Ternary(condition, then, other)
        case Call():
            return Call(node.function, tuple(_fold(arg) for arg in node.args))
        case ListOf():
            return ListOf(tuple(_fold(item) for item in node.items))
        case Lookup():
            return replace(node, key=_fold(node.key))
    return node


def _reads_events(node: Node | None) -> bool:
    """Whether a ``clear`` could stop to hold, and let the rule open, by an event that adds nothing to a window."""
    return node is not None and any(isinstance(part, Name | Has | Prev) for part in walk(node))


def _true_when_empty(when: Node) -> bool:
    """Whether it is true for an entity of which nothing is in any window: its first event must be judged."""

    def look(node: Name | Has | Window | Prev) -> object | None:
        return 0.0 if isinstance(node, Window) and node.function in ("count", "sum") else None

    return evaluate(when, look) is True


def _turn(node: Node, *, want: bool) -> Touch | None:  # noqa: PLR0911  # one kind of node after the other
    """Return what must come so that *node* can newly be *want*."""
    match node:
        case Literal():
            return _NEVER
        case Has():
            return Touch(frozenset({node.name})) if want else None
        case Unary(op="!"):
            return _turn(node.operand, want=not want)
        case Binary(op="&&" | "||"):
            sides = [_turn(node.left, want=want), _turn(node.right, want=want)]
            return _all(sides) if want == (node.op == "&&") else _any(sides)
    threshold = threshold_of(node, want=want)
    if threshold is None:
        return _value(node)
    if isinstance(threshold.quantity, Name):
        return Touch(frozenset({threshold.quantity.name}), band=threshold.band)
    return Touch(windows=frozenset({threshold.quantity}), band=threshold.band)


def _value(node: Node) -> Touch | None:  # noqa: C901, PLR0911  # one kind of node after the other
    """Return what must come so that *node* can be known and another than before."""
    match node:
        case Literal():
            return _NEVER
        case Name():
            return Touch(frozenset({node.name}))
        case Has() | Prev() | Window(function="absent"):
            return None
        case Window():
            return Touch(windows=frozenset({node}))
        case Unary():
            return _value(node.operand)
        case Binary(op="&&" | "||"):
            return _any([_value(node.left), _value(node.right)])
        case Binary():
            return _all([_value(node.left), _value(node.right)])
        case Ternary():
            condition = _value(node.condition)
            if condition is not None and condition.fields and not condition.windows:
                return condition
            return _any([condition, _value(node.then), _value(node.other)])
        case Lookup():
            return _value(node.key)  # unknown without it, whatever the default is
        case Call(args=parts) | ListOf(items=parts):
            return _all([_value(part) for part in parts])


def _all(sides: Sequence[Touch | None]) -> Touch | None:
    """Every side must be so: one that needs a field decides alone; windows only together."""
    sides = [side for side in sides if side != _NEVER]
    needs = [side for side in sides if side is not None and not side.windows]
    if needs:
        return min(needs, key=lambda side: (side.band == NOTHING, len(side.fields)))
    return _any(sides)


def _any(sides: Sequence[Touch | None]) -> Touch | None:
    """One side suffices."""
    found = [side for side in sides if side is not None and side != _NEVER]
    if any(side is None for side in sides):
        return None
    if not found:
        return _NEVER
    fields = frozenset().union(*(side.fields for side in found))
    windows = frozenset().union(*(side.windows for side in found))
    if len(fields) + len(windows) > 1:
        return Touch(fields, windows)
    return Touch(fields, windows, Band(max(side.band.low for side in found), min(side.band.high for side in found)))
