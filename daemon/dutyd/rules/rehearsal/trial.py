"""Try an expression on events: what ``dutyd rules eval`` answers.

An expression is read and checked as in a rule file, and evaluated at the last of the events; windows and ``prev`` see
the others. ``Value`` or ``Unknown`` comes out, or ``ExpressionError``: three answers, because unknown is none of the
others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from dutyd.core.event import Event
from dutyd.core.expr import Explained, Expr, Scope, check, evaluate, explain, parse
from dutyd.core.expr.tree import Has, Name, Prev, Window, walk
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import State, judge, peek, plan

_RULE, _TOPIC = "eval", "events"
_NEVER = parse("false")


@dataclass(frozen=True, slots=True)
class Value:
    """The value of an expression: a number, text, bool, or list."""

    value: object


@dataclass(frozen=True, slots=True)
class Unknown:
    """It has no value, and why."""

    why: str


@lru_cache(maxsize=4_096)
def checked(text: str) -> Expr:
    """Return the expression *text*, if it could stand in a rule; raises ExpressionError."""
    expression = parse(text)
    check(expression, Scope())
    return expression


def try_on(expression: Expr, events: Sequence[Event]) -> Value | Unknown:
    """Return what *expression* comes to at the last of *events*."""
    found = explain_on(expression, events) if _remembers(expression) else None
    value = _at_once(expression, events[-1]) if found is None else found.value
    if value is not None:
        return Value(value)
    return Unknown((found or explain_on(expression, events)).unknown)


def explain_on(expression: Expr, events: Sequence[Event]) -> Explained:
    """Return what each part of *expression* comes to at the last of *events*."""
    rule = Rule(id=_RULE, topic=_TOPIC, when=_NEVER, let={"value": expression})
    planned, state = plan([rule]), State()
    judge(planned, state, _TOPIC, events)
    return explain(expression, peek(state, _RULE, events[-1]))


def _remembers(expression: Expr) -> bool:
    return any(isinstance(node, Window | Prev) for node in walk(expression.root))


def _at_once(expression: Expr, event: Event) -> object | None:
    def look(node: Name | Has | Window | Prev) -> object | None:
        value = None if isinstance(node, Window | Prev) else event.fields.get(node.name)
        return value is not None if isinstance(node, Has) else value

    return evaluate(expression, look)
