"""What expressions come to, known and unknown."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.expr import Node, evaluate, explain, look_in, parse, to_text
from dutyd.core.expr.evaluate import find
from dutyd.core.expr.operators import both, either, invert, kind, same
from dutyd.core.expr.tree import Binary, Has, Literal, Unary
from support.engine.expressions import FIELDS, events, odd_values, of_one_event, trees, without

EVENT: dict[str, object] = {
    "n": 17,
    "x": 10.0,
    "zero": 0,
    "text": "Größe",
    "yes": True,
    "tags": ["a", 1, None],
    "nothing": None,
    "labels.service": "checkout",
    "huge": 10**400,
}


def value_of(text: str, event: dict[str, object] | None = None) -> object:
    return evaluate(parse(text), look_in(EVENT if event is None else event))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n / 2", 8.5),
        ("n / 2 > 8", True),
        ("n * 1.5", 25.5),
        ("n + x - 7", 20.0),
        ("n % 5", 2.0),
        ("-n % 5", -2.0),
        ("n % -5", 2.0),
        ("7.5 % 2", 1.5),
        ("-x", -10.0),
        ("'a' + 'b'", "ab"),
        ("n == 17.0", True),
        ("n != 17", False),
        ("n == '17'", False),
        ("n != '17'", True),
        ("yes == 1", False),
        ("zero == false", False),
        ("text == 'Größe'", True),
        ("'a' < 'b'", True),
        ("'Z' < 'a'", True),
        ("n >= 17 && n <= 17", True),
        ("[1, [2, 'a']] == [1.0, [2, 'a']]", True),
        ("[1, 2] == [1]", False),
        ("[1] == [true]", False),
        ("tags == ['a', 1]", False),
        ("1 in tags", True),
        ("true in tags", False),
        ("'b' in tags", False),
        ("n in []", False),
        ("[1] in [[1]]", True),
        ("yes ? 'a' : 1 / 0", "a"),
        ("n", 17),
        ("tags", ["a", 1, None]),
        ("[n, x]", (17, 10.0)),
        ("has(n)", True),
        ("has(nothing)", False),
        ("has(missing)", False),
        ("!has(missing)", True),
        ("labels.service.startsWith('check')", True),
    ],
)
def test_known_values_give_known_results(text: str, value: object) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "missing",
        "nothing",
        "null",
        "missing > 1",
        "missing == 1",
        "missing != 1",
        "missing in [1]",
        "n in missing",
        "n in [1, missing]",
        "n in text",
        "[missing]",
        "-text",
        "!n",
        "n + text",
        "yes + 1",
        "-yes",
        "tags + tags",
        "n < text",
        "yes < true",
        "tags < tags",
        "n / zero",
        "n % zero",
        "zero / zero",
        "1e308 * 10",
        "1e308 + 1e308",
        "huge",
        "huge > 1",
        "huge == 1",
        "huge + 1",
        "n ? 1 : 2",
        "missing ? 1 : 1",
        "n && yes",
        "missing || n",
        "missing && yes",
        "missing || !yes",
        "lower(n)",
        "lower(missing)",
        "abs(yes)",
        "n.startsWith('1')",
        "prev(n)",
        "count(5m)",
    ],
)
def test_what_has_no_value_is_unknown(text: str) -> None:
    assert value_of(text) is None


KLEENE = [True, False, None]


@pytest.mark.parametrize(("left", "right"), list(product(KLEENE, KLEENE)))
def test_and_and_or_are_kleenes(left: bool | None, right: bool | None) -> None:
    """Unknown stands for either; the result is known where both ways agree."""

    def ways(side: bool | None) -> list[bool]:
        return [True, False] if side is None else [side]

    possible = {a and b for a in ways(left) for b in ways(right)}
    conjunction = possible.pop() if len(possible) == 1 else None
    possible = {a or b for a in ways(left) for b in ways(right)}
    disjunction = possible.pop() if len(possible) == 1 else None
    assert both(left, right) is conjunction
    assert either(left, right) is disjunction
    for op, expected in (("&&", conjunction), ("||", disjunction)):
        tree = Binary(op, Literal(left), Literal(right))  # type: ignore[arg-type]  # one of the two operators
        assert evaluate(tree, look_in({})) is expected


def test_not_keeps_unknown() -> None:
    assert [invert(value) for value in (True, False, None, 1)] == [False, True, None, None]


def test_a_side_that_is_no_bool_counts_as_unknown() -> None:
    assert value_of("n && false") is False
    assert value_of("text || true") is True


@given(of_one_event, of_one_event, events)
def test_de_morgan_holds_with_unknown(left: Node, right: Node, event: dict[str, object]) -> None:
    look = look_in(event)
    negated = Unary("!", Binary("&&", left, right))
    spread = Binary("||", Unary("!", left), Unary("!", right))
    assert evaluate(negated, look) is evaluate(spread, look)


@given(of_one_event, events, events)
def test_learning_more_never_changes_what_was_known(
    tree: Node, event: dict[str, object], more: dict[str, object]
) -> None:
    known = evaluate(tree, look_in(event))
    if known is not None and without(tree, Has):
        assert same(evaluate(tree, look_in({**more, **event})), known)


@given(trees, st.dictionaries(st.sampled_from(FIELDS), odd_values), odd_values)
def test_evaluation_never_raises_and_gives_values_of_the_language(
    tree: Node, event: dict[str, object], windowed: object
) -> None:
    fields = look_in(event)
    value = evaluate(tree, lambda node: found if (found := fields(node)) is not None else windowed)
    assert value is None or kind(value) != "unknown"


@given(trees, st.dictionaries(st.sampled_from(FIELDS), odd_values))
def test_explaining_agrees_with_evaluating_and_gives_a_reason_for_unknown(tree: Node, event: dict[str, object]) -> None:
    explained = explain(tree, look_in(event))
    value = evaluate(tree, look_in(event))
    assert explained.text == to_text(tree)
    assert (explained.value is None) == (value is None) == bool(explained.unknown)


def test_deep_lists_of_an_event_are_compared_without_recursion() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert same(deep, deep)


def test_a_dotted_name_is_one_key_or_a_way_through_objects() -> None:
    values: dict[str, object] = {
        "steps": {"page": {"id": "A-1"}, "x.y": {"z": 3}},
        "a.b": {"c": 1},
        "a": {"b": {"c": 2}},
    }
    assert find(values, "steps.page.id") == "A-1"
    assert find(values, "steps.x.y.z") == 3
    assert find(values, "a.b.c") == 1
    assert find(values, "steps.page") == {"id": "A-1"}
    assert find(values, "steps.ticket.id") is None
    assert evaluate(parse("has(steps.page.id) && !has(steps.page.url)"), look_in(values)) is True


def test_an_object_can_be_passed_on_but_compares_with_nothing() -> None:
    look = look_in({"answer": {"kind": "order"}})
    assert evaluate(parse("answer"), look) == {"kind": "order"}
    assert evaluate(parse("answer == answer"), look) is None
    assert evaluate(parse("answer in [1]"), look) is None
    assert evaluate(parse("answer.kind == 'order'"), look) is True


def test_windows_and_prev_are_looked_up_by_their_canonical_text() -> None:
    look = look_in({"avg(x, 5m)": 12.5, "prev(x)": 3, "x": 4})
    assert evaluate(parse("avg( x, 300s ) > 12 && x > prev(x)"), look) is True


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("missing > 1 && yes", "'missing' has no value"),
        ("n / zero > 5", "'/' by zero"),
        ("n % zero", "'%' by zero"),
        ("n + text", "'n + text' has no value for number and text"),
        ("n && yes", "'n && yes' has no value for number and bool"),
        ("yes ? missing : other", "'missing' has no value"),
        ("!yes ? missing : other", "'other' has no value"),
        ("n ? 1 : 2", "'n ? 1 : 2' has no value for number"),
        ("prev(x) > 1", "'x' had no value in the event before"),
        ("avg(x, 60s, missing) > 1", "'avg(x, 1m, missing)' has too few values, or reaches back further than was read"),
        ("yes && null", "null is unknown"),
    ],
)
def test_explaining_says_why_a_value_is_unknown(text: str, reason: str) -> None:
    assert explain(parse(text), look_in(EVENT)).unknown == reason


def test_explaining_shows_each_part_that_was_asked() -> None:
    explained = explain(parse("n > 10 and labels.service == 'web'"), look_in(EVENT))
    assert (explained.text, explained.value) == ('n > 10 && labels.service == "web"', False)
    assert [(part.text, part.value) for part in explained.parts] == [
        ("n > 10", True),
        ('labels.service == "web"', False),
    ]
    assert [(part.text, part.value) for part in explained.parts[0].parts] == [("n", 17), ("10", 10.0)]
