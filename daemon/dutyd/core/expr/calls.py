"""From ``name(arguments)`` to a node: functions, ``has``, ``prev`` and windows, or the error that says how to write it.

Called by the parser for each call it reads; apart from it because it is about names and arguments, not about text.
"""

from collections.abc import Sequence
from typing import Any, Final, cast

from dutyd.core.expr.errors import ExpressionError, near
from dutyd.core.expr.functions import FUNCTIONS
from dutyd.core.expr.tokens import Token
from dutyd.core.expr.tree import Call, Has, Literal, Lookup, Name, Node, Prev, Window, walk

Argument = Node | Token
"""A tree, or the token of a duration."""

_OF_A_FIELD: Final = ("has", "prev")
_EXAMPLES: Final = {
    "has": "has(field)",
    "prev": "prev(field)",
    "count": "count(5m) or count(5m, status >= 500)",
    **{name: f"{name}(field, 5m) or {name}(field, 5m, status >= 500)" for name in ("sum", "avg", "min", "max")},
    **{name: f"{name}(field, 5m) or {name}(field, 5m, by(instance))" for name in ("rate", "delta")},
    "absent": "absent(field, 15m)",
    "lookup": 'lookup("table", key, "column") or lookup("table", key, "column", default)',
    "by": "rate(field, 5m, by(instance))",
}
_WINDOWS: Final = frozenset(_EXAMPLES) - frozenset((*_OF_A_FIELD, "by", "lookup"))
_WITH_SERIES: Final = ("rate", "delta")
NAMES: Final = tuple(sorted({*FUNCTIONS, *_EXAMPLES}))
"""Everything that can be called."""


def known_function(function: str, at: int) -> None:
    """Refuse an unknown name before its arguments are read: what they may be depends on it."""
    if function not in NAMES:
        hint = near(function, NAMES) or f"there are {', '.join(NAMES)}"
        raise ExpressionError(f"there is no function '{function}'", at + 1, hint)


def make_call(function: str, args: Sequence[Argument], at: int, *, on_value: bool) -> Node:
    """Return the node of a call at offset *at*; *on_value*: written ``x.f()``, with ``x`` the first of *args*."""
    if on_value and function not in FUNCTIONS:
        raise _written(function, f"'{function}' can't be called on a value", at)
    trees = [arg for arg in args if not isinstance(arg, Token)]
    if function == "by":
        return _by(trees, len(args), at)
    if len(trees) < len(args):
        return _window(function, args, at)
    if function in _OF_A_FIELD:
        if len(trees) == 1 and isinstance(trees[0], Name):
            return Has(trees[0].name, at) if function == "has" else Prev(trees[0].name, at)
        raise _written(function, f"'{function}' takes the name of one field", at)
    if function == "lookup":
        return _lookup(trees, at)
    if function not in FUNCTIONS:
        raise _written(function, f"'{function}' needs a window", at)
    if not FUNCTIONS[function].fits(len(trees)):
        raise _written(function, f"'{function}' does not take {_counted(len(trees))}", at)
    return Call(function, tuple(trees), at)


def _window(function: str, args: Sequence[Argument], at: int) -> Window:
    if function not in _WINDOWS:
        raise duration_outside(next(arg for arg in args if isinstance(arg, Token)))
    series = [name for arg in args if (name := series_of(arg)) is not None]
    span, *filters = [arg for arg in args if series_of(arg) is None]
    field = None
    if function != "count" and isinstance(span, Name) and filters:
        field = span.name
        span, *filters = filters
    trees = [part for part in filters if not isinstance(part, Token)]
    complete = (field is None) == (function == "count") and len(series) <= (function in _WITH_SERIES)
    if not (complete and isinstance(span, Token) and len(trees) == len(filters) <= 1):
        raise _written(function, f"'{function}' over a window is written differently", at)
    found = _one_event(trees[0]) if trees else None
    return Window(cast("Any", function), field, float(span.value), found, at, by=series[0] if series else None)


def _lookup(trees: Sequence[Node], at: int) -> Lookup:
    match trees:
        case [Literal(value=str(table)), key, Literal(value=str(column)), *rest] if len(rest) <= 1:
            return Lookup(table, key, column, rest[0] if rest else None, at)
    raise _written("lookup", "'lookup' takes a table and a column in quotes, and between them a key", at)


def _by(trees: Sequence[Node], count: int, at: int) -> Call:
    """Return ``by(field)`` as a call: a window takes it in, and the parser refuses it everywhere else."""
    if count != 1 or len(trees) != 1 or not isinstance(trees[0], Name):
        raise _written("by", "'by' takes the name of one field", at)
    return Call("by", (trees[0],), at)


def series_of(arg: Argument) -> str | None:
    """Return the field of ``by(field)``, None where *arg* is something else."""
    match arg:
        case Call(function="by", args=(Name(name=name),)):
            return name
    return None


def by_outside(at: int) -> ExpressionError:
    """Return the error for ``by(field)`` where none can stand."""
    return _written("by", "'by' stands in rate and delta only", at)


def _one_event(node: Node) -> Node:
    """A filter judges one event by itself."""
    for inner in walk(node):
        if isinstance(inner, Window | Prev):
            message = "the filter of a window can't hold a window or prev"
            raise ExpressionError(message, inner.at + 1, "filter by fields of the one event; name the rest in `let`")
    return node


def duration_outside(token: Token) -> ExpressionError:
    """Return the error for a duration where none can stand."""
    hint = "durations stand in windows only, such as count(5m); a time to wait is the rule's `for`"
    return ExpressionError(f"the duration '{token.text}' stands outside a window", token.at + 1, hint)


def _written(function: str, message: str, at: int) -> ExpressionError:
    examples = [FUNCTIONS[function].example] if function in FUNCTIONS else []
    examples += [_EXAMPLES[function]] if function in _EXAMPLES else []
    return ExpressionError(message, at + 1, f"write {' or '.join(examples)}")


def _counted(count: int) -> str:
    return "1 argument" if count == 1 else f"{count} arguments"
