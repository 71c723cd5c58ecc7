"""Trees, numbers and durations as text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.duration import parse_duration
from dutyd.core.expr import ExpressionError, Node, number_text, parse, to_text
from dutyd.core.expr.text import duration_text
from support.engine.expressions import almost_expressions, trees


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a and not b or c", "a && !b || c"),
        ("( a+b )*c", "(a + b) * c"),
        ("((a)) + (b * c)", "a + b * c"),
        ("a - (b - c)", "a - (b - c)"),
        ("(a < b) == c", "(a < b) == c"),
        ("!(a && b)", "!(a && b)"),
        ("(a ? b : c) ? d : (e ? f : g)", "(a ? b : c) ? d : e ? f : g"),
        ("startsWith(x, 'a')", 'x.startsWith("a")'),
        ("(a + b).contains('c')", '(a + b).contains("c")'),
        ("(-1).startsWith('c')", '(-1).startsWith("c")'),
        ("x.lower()", "lower(x)"),
        ("avg( x , 300s, a=='b' )", 'avg(x, 5m, a == "b")'),
        ("count(90s)", "count(90s)"),
        ("count(24h)", "count(1d)"),
        ("count(1500ms)", "count(1500ms)"),
        ("10.0 + 1e3 + .5", "10 + 1000 + 0.5"),
        ("1e300", "1e+300"),
        ("a - -5", "a - -5"),
        ("-(5)", "-5"),
        ("-(-a)", "--a"),
        (r"'it\'s \"x\"\n\\'", r'"it' + "'" + r's \"x\"\n\\"'),
        ("[1,[true,null]]", "[1, [true, null]]"),
        ("has( x.y ) && prev( z )", "has(x.y) && prev(z)"),
    ],
)
def test_two_ways_to_write_one_thing_print_the_same(text: str, canonical: str) -> None:
    assert to_text(parse(text)) == canonical
    assert to_text(parse(canonical)) == canonical


@given(trees)
def test_what_is_printed_parses_back_to_the_same_tree(tree: Node) -> None:
    assert parse(to_text(tree)).root == tree


@given(almost_expressions)
def test_printing_what_was_parsed_keeps_the_tree(text: str) -> None:
    try:
        root = parse(text).root
    except ExpressionError:
        return
    assert parse(to_text(root)).root == root


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12"),
        (12.0, "12"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (2.50, "2.5"),
        (1_500_000.0, "1500000"),
        (1e20, "100000000000000000000"),
        (0.0000001, "0.0000001"),
        (-1e-7, "-0.0000001"),
        (1e300, "1e+300"),
        (1e-300, "1e-300"),
        (9007199254740991.0, "9007199254740991"),
        (2**60, "1152921504606846976"),
    ],
)
def test_numbers_print_as_people_write_them(value: float, text: str) -> None:
    assert number_text(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_printed_number_reads_as_the_same_to_fifteen_digits(value: float) -> None:
    assert math.isclose(float(number_text(value)), value, rel_tol=1e-14)


@given(st.integers(1, 366 * 86_400_000))
def test_a_printed_duration_reads_as_the_same(thousandths: int) -> None:
    assert parse_duration(duration_text(thousandths / 1000)) == thousandths / 1000
