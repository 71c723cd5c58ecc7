"""The functions, each with the values that are easy to get wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.expr import evaluate, look_in, parse
from dutyd.core.expr.functions import FUNCTIONS
from support.engine.expressions import odd_values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'abc'.startsWith('ab')", True),
        ("'abc'.endsWith('bc')", True),
        ("'abc'.contains('')", True),
        ("contains('abc', 'B')", False),
        ("lower('ÄB')", "äb"),
        ("upper('äb')", "ÄB"),
        ("trim('  a\\t')", "a"),
        ("size('é😀')", 2.0),
        ("size([1, 2, 3])", 3.0),
        ("size(5)", None),
        ("abs(-2.5)", 2.5),
        ("floor(-2.5)", -3.0),
        ("ceil(2.1)", 3.0),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("round(0.49999999999999994)", 0.0),
        ("round(1.005, 2)", 1.01),
        ("round(1e300, 15)", 1e300),
        ("round(2.5, 0.5)", None),
        ("round(2.5, 16)", None),
        ("round(2.5, -1)", None),
        ("min(3, 1, 2)", 1.0),
        ("max(3, 1)", 3.0),
        ("max(3, 'a')", None),
        ("min(1, true)", None),
    ],
)
def test_functions_give(text: str, value: object) -> None:
    assert evaluate(parse(text), look_in({})) == value


@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(odd_values, min_size=4, max_size=4))
def test_a_function_gives_a_value_or_unknown_for_whatever_it_gets(name: str, args: list[object]) -> None:
    function = FUNCTIONS[name]
    for count in range(5):
        if function.fits(count):
            function.apply(*args[:count])


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_the_example_of_each_function_is_valid(name: str) -> None:
    assert parse(FUNCTIONS[name].example)
