"""Ours against CEL: random expressions through a CEL library, and the cases of CEL's own conformance suite.

The random ones stay where both languages say the same: numbers are doubles and finite, comparisons are within a type.
What differs beyond that is listed for the suite's cases in ``cel_differences``, each with its reason.
"""

from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dutyd.core.expr import Node, to_text
from dutyd.core.expr.tree import Binary, Call, Has, ListOf, Literal, Name, Ternary, Unary
from support.engine.cel import Failed, agree, cases, cel_text, ours, theirs
from support.engine.cel_differences import DIFFERENCES
from support.needs import beside

NUMBERS, TEXTS, BOOLS = ("f.x", "f.y"), ("f.s", "f.t"), ("f.p", "f.q")

numbers = st.sampled_from([0.0, 1.0, -1.0, 2.0, 10.0, 0.1]) | st.floats(-1e6, 1e6)
divisors = st.sampled_from([1.0, -2.0, 3.0, 10.0, 0.1])
texts = st.sampled_from(["", "a", "ab", "b", "10"]) | st.text(
    st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=4
)
"""ASCII: the library's ``size`` counts bytes, the specification and ours code points."""

values = st.fixed_dictionaries(
    {},
    optional={
        "x": numbers | texts,
        "y": numbers,
        "s": texts | numbers,
        "t": texts,
        "p": st.booleans(),
        "q": st.booleans(),
    },
)
"""Members of ``f``: what is missing or of another type is an error there and unknown here."""


def fields(names: tuple[str, ...]) -> st.SearchStrategy[Node]:
    return st.sampled_from(names).map(Name)


def negated(operand: Node) -> Node:
    is_number = isinstance(operand, Literal) and isinstance(operand.value, float)
    return Literal(-operand.value) if is_number else Unary("-", operand)  # type: ignore[operator,union-attr]


def binary(
    ops: tuple[str, ...], left: st.SearchStrategy[Node], right: st.SearchStrategy[Node]
) -> st.SearchStrategy[Node]:
    chosen: st.SearchStrategy[Any] = st.sampled_from(ops)
    return st.builds(Binary, chosen, left, right)


def reads_as_number(node: Node) -> bool:
    """Whether *node* is a text that is refused beside a field in an ordering: a number in quotes."""
    try:
        return isinstance(node, Literal) and isinstance(node.value, str) and isinstance(float(node.value), float)
    except ValueError:
        return False


@cache
def expressions(kind: str, depth: int = 4) -> st.SearchStrategy[Node]:
    """Trees of one type; what the fields hold may still be of another."""
    leaves: st.SearchStrategy[Node] = {
        "number": numbers.map(Literal) | fields(NUMBERS),
        "text": texts.map(Literal) | fields(TEXTS),
        "bool": st.booleans().map(Literal) | fields(BOOLS) | st.sampled_from([*NUMBERS, *TEXTS]).map(Has),
    }[kind]
    if depth == 0:
        return leaves
    number, text, condition = (expressions(of, depth - 1) for of in ("number", "text", "bool"))
    ordered = text.filter(lambda node: not reads_as_number(node))
    order = ("<", "<=", ">", ">=", "==", "!=")
    functions = st.sampled_from(["startsWith", "endsWith", "contains"])
    larger: dict[str, list[st.SearchStrategy[Any]]] = {
        "number": [
            binary(("+", "-", "*"), number, number),
            binary(("/",), number, divisors.map(Literal)),
            number.map(negated),
            text.map(lambda node: Call("size", (node,))),
        ],
        "text": [binary(("+",), text, text)],
        "bool": [
            binary(("&&", "||"), condition, condition),
            binary(order, number, number),
            binary(order, ordered, ordered),
            binary(("==", "!="), condition, condition),
            binary(("in",), number, lists(number)),
            binary(("in",), text, lists(text)),
            condition.map(lambda node: Unary("!", node)),
            st.tuples(functions, text, text).map(lambda parts: Call(parts[0], parts[1:])),
        ],
    }
    same = expressions(kind, depth - 1)
    return st.one_of(leaves, *larger[kind], st.builds(Ternary, condition, same, same))


def lists(items: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.lists(items, max_size=3).map(lambda found: ListOf(tuple(found)))


@settings(max_examples=1_000)
@given(st.one_of(expressions("bool"), expressions("number"), expressions("text")), values)
def test_a_random_expression_is_what_a_cel_library_says(node: Node, members: dict[str, Any]) -> None:
    own, other = ours(to_text(node), {"f": members}), theirs(cel_text(node), {"f": members})
    assert agree(own, other), f"{to_text(node)}\nours: {own}\nCEL: {other}"


@beside("cel_conformance")
def test_the_cases_of_cels_conformance_suite_differ_only_where_a_reason_is_given() -> None:
    listed = {id_: reason for reason, ids in DIFFERENCES.items() for id_ in ids}
    assert sum(map(len, DIFFERENCES.values())) == len(listed), "a case is listed under two reasons"
    found = {case.id: (case, ours(case.expression, case.bindings)) for case in cases()}
    different = {id_: told for id_, told in found.items() if not agree(told[1], told[0].expected)}
    unlisted = [
        f"{id_}: {case.expression}\n  {case.expected} there, {got} here"
        for id_, (case, got) in different.items()
        if id_ not in listed
    ]
    assert not unlisted, "\n".join(unlisted)
    assert not listed.keys() - different.keys(), "these are listed as different and are not"
    assert len(found) == 125
    assert all(reason and not isinstance(reason, Failed) for reason in DIFFERENCES)
