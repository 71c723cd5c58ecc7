"""What the checker knows before any event is read."""

import pytest
from hypothesis import given

from dutyd.core.expr import Expr, ExpressionError, Node, Scope, Type, check, evaluate, examine, look_in, parse, to_text
from dutyd.core.expr.operators import kind
from support.engine.expressions import FIELDS, events, of_one_event, trees

FIELDS_OF_EVENTS = Scope()
STEP = Scope(
    names={"quantity": Type.NUMBER, "summary": Type.TEXT},
    closed=True,
    prefixes={"steps": frozenset({"page", "ticket"}), "group": None},
    windows=False,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + a", Type.NUMBER),
        ("a + b", Type.ANY),
        ("a + 'x'", Type.TEXT),
        ("-a", Type.NUMBER),
        ("a > 1", Type.BOOL),
        ("a == 'x'", Type.BOOL),
        ("a in ['x', 1]", Type.BOOL),
        ("!a", Type.BOOL),
        ("a && b", Type.BOOL),
        ("[a]", Type.LIST),
        ("null", Type.ANY),
        ("a", Type.ANY),
        ("prev(a)", Type.ANY),
        ("has(a)", Type.BOOL),
        ("a ? 1 : 2", Type.NUMBER),
        ("a ? 1 : b", Type.NUMBER),
        ("a ? 1 : 'x'", Type.ANY),
        ("a ? 1 : null", Type.NUMBER),
        ("lower(a)", Type.TEXT),
        ("size([1])", Type.NUMBER),
        ("count(5m)", Type.NUMBER),
    ],
)
def test_the_type_of_an_expression_is_what_it_can_only_be(text: str, expected: Type) -> None:
    assert check(parse(text), FIELDS_OF_EVENTS) is expected


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ('1 > "a"', 3, "'>' can't put a number and a text in order"),
        ("a > true", 3, "'>' can't put anything and true or false in order"),
        ("[1] < [2]", 5, "'<' can't put a list and a list in order"),
        ("!5", 2, "after '!' must stand true or false, and this is a number"),
        ("-'a'", 2, "after '-' must stand a number, and this is a text"),
        ("a && 1", 6, "after '&&' must stand true or false, and this is a number"),
        ("lower(a) || b", 1, "before '||' must stand true or false, and this is a text"),
        ("a * 'x'", 5, "after '*' must stand a number, and this is a text"),
        ("has(a) - 1", 1, "before '-' must stand a number, and this is true or false"),
        ("1 + 'a'", 3, "'+' can't join a number and a text"),
        ("a + [1]", 3, "'+' can't join anything and a list"),
        ("1 == 'a'", 3, "a number and a text are never equal"),
        ("has(a) != 'yes'", 8, "true or false and a text are never equal"),
        ("a == null", 3, "'==' with null is always unknown"),
        ("a in 'abc'", 6, "after 'in' must stand a list, and this is a text"),
        ("1 ? a : b", 1, "before '?' must stand true or false, and this is a number"),
        ("lower(5)", 7, "argument 1 of 'lower' must be a text, and this is a number"),
        ("a.startsWith(has(b))", 14, "argument 2 of 'startsWith' must be a text, and this is true or false"),
        ("min(1, a, 'x')", 11, "argument 3 of 'min' must be a number, and this is a text"),
        ("count(5m, 1)", 11, "the filter of a window must be true or false, and this is a number"),
        ("[!5]", 3, "after '!' must stand true or false, and this is a number"),
    ],
)
def test_what_can_never_be_right_is_refused_with_its_column(text: str, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check(parse(text), FIELDS_OF_EVENTS)
    assert (caught.value.column, caught.value.message) == (column, message)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text", ['error_count > "10"', '"1e3" <= a.b', 'prev(a) < " -2.5 "', 'count(5m) > "3"', 'a + 1 > ".5"']
)
def test_ordering_against_a_number_in_quotes_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="without quotes"):
        check(parse(text), FIELDS_OF_EVENTS)


@pytest.mark.parametrize(
    "text", ['version == "10"', 'a != "10"', 'a in ["10"]', 'a > "b"', 'a > "10.2.3"', 'lower(a) > "10"', 'a > ""']
)
def test_texts_that_may_well_be_meant_are_allowed(text: str) -> None:
    assert check(parse(text), FIELDS_OF_EVENTS, Type.BOOL) is Type.BOOL


def test_a_field_declared_as_text_may_be_ordered_against_digits() -> None:
    assert check(parse('summary > "10"'), Scope(names={"summary": Type.TEXT})) is Type.BOOL


def test_a_condition_must_be_boolean_or_a_field_that_may_be() -> None:
    assert check(parse("enabled"), FIELDS_OF_EVENTS, Type.BOOL) is Type.ANY
    with pytest.raises(ExpressionError, match="must be true or false, and this is a number"):
        check(parse("error_count + 1"), FIELDS_OF_EVENTS, Type.BOOL)


def test_all_problems_come_at_once_in_the_order_of_the_text() -> None:
    found = examine(parse("!5 && a > '1' || nothing", offset=3), Scope(names={"a": Type.ANY}, closed=True))
    assert [problem.column for problem in found.problems] == [5, 14, 21]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("quantty > 1", "did you mean 'quantity'?"),
        ("has(quantty)", "did you mean 'quantity'?"),
        ("zzz", "there are group, quantity, steps, summary"),
        ("steps.pgae.id", "did you mean 'page'?"),
        ("steps.other", "there are steps.page, steps.ticket"),
        ("steps", "there are steps.page, steps.ticket"),
    ],
)
def test_a_name_outside_a_closed_scope_is_refused_with_the_nearest(text: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check(parse(text), STEP)
    assert caught.value.hint == hint


def test_known_names_prefixes_and_open_scopes_are_let_through() -> None:
    assert check(parse("quantity"), STEP) is Type.NUMBER
    assert check(parse("steps.page.id"), STEP) is Type.ANY
    assert check(parse("group.members"), STEP) is Type.ANY
    assert check(parse("any_field"), FIELDS_OF_EVENTS) is Type.ANY


@pytest.mark.parametrize("text", ["count(5m)", "avg(quantity, 5m)", "prev(quantity)"])
def test_windows_are_refused_where_nothing_remembers(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"can't be used here.*`let`"):
        check(parse(text), STEP)


@given(trees)
def test_checking_never_raises_anything_and_points_into_the_text(tree: Node) -> None:
    expr = parse(to_text(tree))
    for scope in (FIELDS_OF_EVENTS, STEP):
        found = examine(expr, scope, Type.BOOL)
        assert all(1 <= problem.column <= len(expr.text) and problem.hint for problem in found.problems)


_KINDS = {Type.NUMBER: "number", Type.TEXT: "text", Type.BOOL: "bool", Type.LIST: "list"}


@given(of_one_event, events)
def test_a_value_is_of_the_type_that_the_checker_said_or_unknown(tree: Node, event: dict[str, object]) -> None:
    found = examine(Expr(to_text(tree), tree), Scope())
    value = evaluate(tree, look_in(event))
    if not found.problems and found.type is not Type.ANY and value is not None:
        assert kind(value) == _KINDS[found.type]


def test_the_fields_of_the_strategies_are_names() -> None:
    assert all(parse(name).names == {name} for name in FIELDS)
