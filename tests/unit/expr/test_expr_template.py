"""Templates: what is literal, what is computed, and what wrong ones are told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.expr import (
    ExpressionError,
    Scope,
    Template,
    Type,
    examine_template,
    look_in,
    parse_template,
)

EVENT: dict[str, object] = {
    "service": "checkout",
    "error_count": 12.0,
    "ratio": 0.1 + 0.2,
    "tags": ["a", 1.0, None, True],
    "yes": True,
    "page": {"id": "A-1", "open": True},
    "labels.host": "h1",
}


def rendered(value: object) -> object:
    return parse_template(value).render(look_in(EVENT))


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ service }}: {{ error_count }} errors", "checkout: 12 errors"),
        ("{{service}}{{labels.host}}", "checkouth1"),
        ("{{ ratio }} of {{ error_count / 5 }}", "0.3 of 2.4"),
        ("is {{ yes }}", "is true"),
        ("tags {{ tags }}", "tags a, 1, null, true"),
        ("page {{ page }}", 'page {"id": "A-1", "open": true}'),
        ("{{ \"}}\" }} and {{ '{{' }}", "}} and {{"),
        ('{{ "a\\"}}" }}!', 'a"}}!'),
        ("{{ error_count > 10\n && yes }} at\nonce", "true at\nonce"),
        ('{"a": {"b": {{ error_count }}}}', '{"a": {"b": 12}}'),
        (" {{ error_count }}", " 12"),
    ],
)
def test_a_text_with_expressions_in_it_is_text(source: str, value: str) -> None:
    assert rendered(source) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ error_count }}", 12),
        ("{{ 2 * error_count }}", 24),
        ("{{ error_count / 5 }}", 2.4),
        ("{{ yes }}", True),
        ("{{ service }}", "checkout"),
        ("{{ tags }}", ["a", 1, None, True]),
        ("{{ [error_count, service] }}", [12, "checkout"]),
        ("{{ page }}", {"id": "A-1", "open": True}),
    ],
)
def test_a_value_that_is_one_expression_keeps_its_type(source: str, value: object) -> None:
    found = rendered(source)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "source", ["", "plain", "a { b } c", "}} a }", "{", "{ {x} }", 5, 2.5, True, [1, ["a"]], {"a": 1}]
)
def test_what_holds_no_expression_is_literal(source: Any) -> None:
    template = parse_template(source)
    assert template.is_literal
    assert template.literal == source
    assert template.render(look_in({})) == source
    assert (template.exprs, template.names) == ((), frozenset())


def test_lists_and_objects_are_rendered_item_by_item() -> None:
    source = {
        "hosts": ["{{ labels.host }}", "h2"],
        "n": "{{ error_count }}",
        "deep": {"x": [1, True, "{{ service }}!"]},
    }
    assert rendered(source) == {"hosts": ["h1", "h2"], "n": 12, "deep": {"x": [1, True, "checkout!"]}}


@pytest.mark.parametrize(
    "source", ["{{ missing }}", "a {{ missing }}", ["a", "{{ missing }}"], {"a": {"b": "{{ 1 / 0 }}"}}]
)
def test_one_unknown_makes_the_whole_value_unknown(source: Any) -> None:
    template = parse_template(source)
    assert template.render(look_in(EVENT)) is None
    assert not template.is_literal
    assert template.literal is None


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a/{{ b }}/c", "a/<1.5>/c"),
        ("{{ b }}", "<1.5>"),
        ("a/b", "a/b"),
        (7, "7"),
        (True, "true"),
        ("{{ nothing }}", None),
        ("a{{ nothing }}", None),
        (["a"], None),
        ({"a": "b"}, None),
    ],
)
def test_a_text_is_written_with_what_makes_its_expressions_harmless(source: Any, text: str | None) -> None:
    assert parse_template(source).text(look_in({"b": 1.5}), lambda value: f"<{value}>") == text


def test_a_template_tells_what_it_reads_and_where() -> None:
    template = parse_template({"a": ["x", "{{ service }} {{ has(page.id) }}"], "b": "{{ error_count }}"})
    assert template.names == {"service", "page.id", "error_count"}
    assert [expr.text for expr in template.exprs] == ["service", "has(page.id)", "error_count"]
    assert [path for path, _ in template.places] == [("a", 1), ("a", 1), ("b",)]


@pytest.mark.parametrize(
    ("source", "column", "hint"),
    [
        ("a {{ b", 3, "put }} after"),
        ('a {{ "b }} c', 3, 'put the closing " before }}'),
        ("a {{ b }", 3, "put }} after"),
        ("a {{ }} b", 3, "{{ service }}"),
        ("{{}}", 1, "{{ service }}"),
        ("{{{ b }}}", 3, "braces"),
        ("total: {{ a = b }}", 13, "write =="),
        ("{{ a }} {{   b c }}", 16, "join conditions"),
        ("{{ lowr(a) }}", 4, "did you mean 'lower'?"),
    ],
)
def test_a_mistake_is_told_with_its_column_in_the_whole_text(source: str, column: int, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_template(source)
    assert caught.value.column == column
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("source", "path", "message"),
    [
        ({"a": ["x", "{{ b"]}, ("a", 1), "never closed"),
        ({"a": None}, ("a",), "null is not a value"),
        (None, (), "null is not a value"),
        ([float("nan")], (0,), "nan is not a value"),
        ({"a": {5: "x"}}, ("a",), "the name 5 is not a text"),
        ({"{{ a }}": 1}, (), "can't be an expression"),
    ],
)
def test_a_mistake_inside_lists_and_objects_says_in_which_text(
    source: Any, path: tuple[object, ...], message: str
) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        parse_template(source)
    assert caught.value.path == path


def test_values_nested_without_end_are_refused() -> None:
    deep: list[Any] = []
    deep.append(deep)
    with pytest.raises(ExpressionError, match="nested deeper"):
        parse_template(deep)


def test_expressions_of_a_template_are_checked_with_columns_and_paths() -> None:
    template = parse_template({"a": ["{{ !5 }}", "x {{ b > '1' }} {{ nme }}"]})
    problems = examine_template(template, Scope(names={"b": Type.ANY, "name": Type.TEXT}, closed=True))
    assert [(problem.path, problem.column) for problem in problems] == [(("a", 0), 5), (("a", 1), 10), (("a", 1), 20)]


def test_the_expected_type_holds_for_a_value_that_is_one_expression_only() -> None:
    scope = Scope(names={"name": Type.TEXT})
    assert examine_template(parse_template("{{ name }}"), scope, Type.NUMBER)
    assert not examine_template(parse_template("{{ name }}!"), scope, Type.NUMBER)


@given(st.text(alphabet=st.sampled_from("{} ab\"'\\5.(+=\n"), max_size=30) | st.text(max_size=30))
def test_any_text_is_a_template_or_an_error_that_points_into_it(text: str) -> None:
    found = template_of(text)
    if isinstance(found, ExpressionError):
        assert 1 <= found.column <= len(text) + 1
        assert found.hint
    else:
        found.render(look_in({"a": 1, "b": "x"}))
        assert found.is_literal == ("{{" not in text)


def template_of(text: str) -> Template | ExpressionError:
    try:
        return parse_template(text)
    except ExpressionError as error:
        return error


@given(st.text(max_size=30))
def test_a_quoted_literal_renders_as_itself(text: str) -> None:
    quoted = "".join(f"\\U{ord(character):08x}" for character in text)
    assert parse_template(f'{{{{ "{quoted}" }}}}').render(look_in({})) == text
