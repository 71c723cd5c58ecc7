import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.expr import Node, evaluate, parse
from dutyd.core.expr.compiler import Writer, compile_function, compile_predicate
from dutyd.core.expr.tree import Has, Name, Prev, Window, walk
from support.engine.expressions import events, of_one_event, trees


def same(one: object, other: object) -> bool:
    """Return whether two values are the same thing: to Python ``True == 1.0``."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


@given(of_one_event, events)
def test_a_compiled_expression_is_what_it_evaluates_to(node: Node, fields: dict[str, Any]) -> None:
    def look(leaf: Name | Has | Window | Prev) -> object | None:
        assert isinstance(leaf, Name | Has)
        value = fields.get(leaf.name)
        return value is not None if isinstance(leaf, Has) else value

    assert same(compile_predicate(node)(fields.get), evaluate(node, look))


@given(trees, events, events, st.lists(st.none() | st.floats(-10, 10), min_size=12, max_size=12))
def test_what_makes_it_true_and_what_makes_it_false_leave_only_the_unknown(
    node: Node, fields: dict[str, Any], before: dict[str, Any], values: list[float | None]
) -> None:
    windows = list(dict.fromkeys(leaf for leaf in walk(node) if isinstance(leaf, Window)))
    numbers = {window: number for number, window in enumerate(windows)}
    writer = Writer(numbers)
    pair = ast.Tuple([writer.truth(node), writer.falsity(node)], ast.Load())
    judge = compile_function(("get", "prev", "read", "track", "time"), [*writer.body, ast.Return(pair)])

    def look(leaf: Name | Has | Window | Prev) -> object | None:
        if isinstance(leaf, Window):
            return values[numbers[leaf] % len(values)]
        if isinstance(leaf, Prev):
            return before.get(leaf.field)
        value = fields.get(leaf.name)
        return value is not None if isinstance(leaf, Has) else value

    result = evaluate(node, look)
    found = judge(fields.get, before.get, lambda number, _, __: values[number % len(values)], None, 0.0)
    assert tuple(map(bool, found)) == (result is True, result is False)


@pytest.mark.parametrize(
    ("text", "fields", "result"),
    [
        ("a > 3", {"a": 4}, True),
        ("a > 3", {"a": True}, None),
        ("a > 3", {"a": "4"}, None),
        ("a > 3", {}, None),
        ("a > 3", {"a": 10**400}, None),
        ("a >= 9007199254740993", {"a": 9007199254740992}, True),
        ("a / b > 1", {"a": 1, "b": 0}, None),
        ("a * a > 1", {"a": 1e200}, None),
        ("a > 3 || b > 3", {"b": 4}, True),
        ("a > 3 && b > 3", {"b": 2}, False),
        ("a < b", {"a": "x", "b": "y"}, True),
        ("a + b == 'xy'", {"a": "x", "b": "y"}, True),
        ("a == 1", {"a": True}, False),
        ("a in ['x', 'y']", {"a": 1}, False),
        ("a in [1, b]", {"a": 1}, None),
        ("has(a) ? a > 1 : b", {"b": True}, True),
        ("!has(a)", {"a": None}, True),
        ("a == null", {"a": 1}, None),
    ],
)
def test_the_fast_forms_keep_the_meaning(text: str, fields: dict[str, Any], result: bool | None) -> None:
    assert compile_predicate(parse(text).root)(fields.get) is result


def test_generated_code_can_reach_nothing() -> None:
    function = compile_predicate(parse("a > 3").root)
    assert function.__globals__["__builtins__"] == {}


def test_text_of_a_rule_never_becomes_code() -> None:
    text = "'__import__(\"os\")' == a"
    assert compile_predicate(parse(text).root)({"a": '__import__("os")'}.get) is True
