"""Expressions and events for property tests: trees as the parser makes them, and values as fields have them."""

from typing import Any
from typing import Literal as Choice

from hypothesis import strategies as st

from dutyd.core.expr.functions import FUNCTIONS
from dutyd.core.expr.tree import (
    Binary,
    Call,
    Has,
    ListOf,
    Literal,
    Name,
    Node,
    Prev,
    Ternary,
    Unary,
    Window,
    walk,
)

FIELDS = ("a", "b", "status", "labels.service", "x_1")

scalars = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 2, 10, 1.5, "", "a", "ok", "10", True, False]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**70), 2**70),
    st.text(max_size=5),
)
"""Values that a field of an event can have, and that are known."""

values = scalars | st.lists(scalars | st.none(), max_size=3)

events = st.dictionaries(st.sampled_from(FIELDS), values)
"""Fields by name; what is not there is unknown."""

odd_values = values | st.sampled_from([None, float("nan"), float("inf"), 10**400, {}, {"a": 1}, [[None]], b"x"])
"""Also what no event has, but a tool's result may."""

_names = st.sampled_from(FIELDS)
_literals = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, 1.0, 10.0, True, False, None]),
    st.text(max_size=6),
).map(Literal)
_seconds = st.integers(1, 366 * 86_400_000).map(lambda thousandths: thousandths / 1000)
_leaves: st.SearchStrategy[Node] = _literals | _names.map(Name) | _names.map(Has)


def _unary(op: Choice["-", "!"], operand: Node) -> Node:
    """As the parser does it: a minus before a number is part of that."""
    if op == "-" and isinstance(operand, Literal) and isinstance(operand.value, float):
        return Literal(-operand.value)
    return Unary(op, operand)


def _calls(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def with_args(name: str) -> st.SearchStrategy[Node]:
        function = FUNCTIONS[name]
        most = len(function.takes) + function.more
        args = st.lists(inner, min_size=len(function.takes) - function.optional, max_size=most)
        return args.map(lambda found: Call(name, tuple(found)))

    return st.sampled_from(sorted(FUNCTIONS)).flatmap(with_args)


def _larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    ops: Any = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"])
    signs: Any = st.sampled_from(["-", "!"])
    return st.one_of(
        st.builds(Binary, ops, inner, inner),
        st.builds(_unary, signs, inner),
        st.builds(Ternary, inner, inner, inner),
        st.lists(inner, max_size=3).map(lambda items: ListOf(tuple(items))),
        _calls(inner),
    )


def _windows(filters: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    functions: Any = st.sampled_from(["sum", "avg", "min", "max"])
    counts = st.builds(Window, st.just("count"), st.none(), _seconds, st.none() | filters)
    return counts | st.builds(Window, functions, _names, _seconds, st.none() | filters)


of_one_event: st.SearchStrategy[Node] = st.recursive(_leaves, _larger, max_leaves=12)
"""Trees without windows and ``prev``."""

trees: st.SearchStrategy[Node] = st.recursive(
    _leaves | _windows(st.recursive(_leaves, _larger, max_leaves=3)) | _names.map(Prev), _larger, max_leaves=12
)
"""All trees that the parser can make, if small."""

_WORDS = [
    *FIELDS,
    *("&&", "||", "and", "or", "not", "!", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"),
    *("(", ")", "[", "]", ",", ".", "?", ":", "0", "10", "1e3", "5m", "100ms", '"a"', "'b'", "true", "null"),
    *("has(", "prev(", "count(", "avg(", "min(", "lower(", "startsWith(", "rate(", "=", "AND", '"', "\\", "\n", "é"),
]
almost_expressions = st.lists(st.sampled_from(_WORDS), max_size=25).map(" ".join)
"""Texts of the language's own words in any order: nearly all are wrong, many only near their end."""


def without(node: Node, kind: type[Any]) -> bool:
    """Return whether *node* holds no node of *kind*."""
    return not any(isinstance(inner, kind) for inner in walk(node))
