"""A caret stands under the character that is meant, however YAML folds, quotes or escapes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.rules.syntax.source import MapNode, Scalar, SourceFile
from dutyd.rules.syntax.yaml_positions import locate
from dutyd.rules.syntax.yaml_reader import read_yaml
from support.rule_files import changed, problems_of


def only_scalar(text: str) -> Scalar | None:
    root = read_yaml(SourceFile("r.yaml", text))
    value = root.pairs[0][1] if isinstance(root, MapNode) and root.pairs else None
    return value if isinstance(value, Scalar) else None


WRITTEN = [
    "a: x > 10",
    "a: 'it''s > 1 and ''b'''",
    'a: "a\\tb \\u0041 \\x41 c"',
    'a: "x\n  y\\\n  z"',
    "a: x\n  y\n\n  z",
    "a: 'x\n  y\n\n  z'",
    "a: >\n  x\n  y\n\n  z\n\n\n  w\n   q\n  r\n",
    "a: >-\n\n  x\n  y\n",
    "a: |\n   x\n\n   y\n",
    "a: |2\n   x\n  y\n",
    "a: |  # why\r\n  x\r\n  y\r\n",
]
PIECES = st.sampled_from([*"ab>1'", " ", "\n", "  ", "\n\n"])


def assert_each_character_is_found(text: str) -> None:
    scalar = only_scalar(text)
    if scalar is None:
        return
    for offset, char in enumerate(scalar.text):
        if not char.isspace():
            assert text[locate(text, scalar, offset)] in (char, "\\"), (text, offset, char)


@pytest.mark.parametrize("text", WRITTEN)
def test_each_character_of_a_value_is_found_where_it_is_written(text: str) -> None:
    assert only_scalar(text) is not None
    assert_each_character_is_found(text)


@given(st.lists(PIECES).map("".join), st.sampled_from(["a: {}", "a: >\n  {}", "a: |\n  {}", "a: '{}'", 'a: "{}"']))
def test_each_character_of_any_value_is_found(value: str, shape: str) -> None:
    indented = value.replace("\n", "\n  ")
    assert_each_character_is_found(shape.format(indented.replace("'", "''") if "'" in shape else indented))


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ('"error_count >> 10"', "7:25"),
        ("'error_count >> 10'", "7:25"),
        ("'a == ''b'' >> 10'", "7:23"),
        ('"a == \\"b\\" >> 10"', "7:23"),
        (">\n      error_count\n      >> 10", "9:8"),
        ("|\n      error_count > 1\n      && error_count >> 10", "9:23"),
        ("error_count\n      >> 10", "8:8"),
    ],
)
def test_a_mistake_in_an_expression_is_shown_where_it_stands(written: str, place: str) -> None:
    (found,) = problems_of(changed("error_count > 10", written))
    assert f"{found.line}:{found.column}" == place


def test_a_mistake_behind_the_end_is_shown_at_the_end() -> None:
    (found,) = problems_of(changed("error_count > 10", "'error_count >'"))
    assert (found.line, found.column) == (7, 25)


def test_the_caret_stands_under_its_column_also_in_a_long_line() -> None:
    text = changed("error_count > 10", "error_count > 10 " + "|| error_count > 10 " * 20 + ">> 2")
    (found,) = problems_of(text)
    _, line, caret, *_ = found.render(text).split("\n")
    assert line[len(caret) - 1 :].startswith(">> 2")
    assert len(line) < 130
