"""What texts parse to, and what wrong texts are told."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dutyd.core.errors import WrongError
from dutyd.core.expr import Expr, ExpressionError, parse, to_text
from dutyd.core.expr.parser import MAX_BYTES, MAX_DEPTH, MAX_NODES
from dutyd.core.expr.tree import Binary, Call, Has, ListOf, Literal, Name, Prev, Ternary, Unary, Window, walk
from support.engine.expressions import almost_expressions


def grouped(text: str) -> str:
    """Print with brackets around every operation, so that the grouping shows."""

    def show(node: object) -> str:
        match node:
            case Binary():
                return f"({show(node.left)} {node.op} {show(node.right)})"
            case Unary():
                return f"({node.op}{show(node.operand)})"
            case Ternary():
                return f"({show(node.condition)} ? {show(node.then)} : {show(node.other)})"
        assert isinstance(node, Literal | Name | Call | Has)
        return to_text(node)

    return show(parse(text).root)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a || b && c", "(a || (b && c))"),
        ("a && b || c", "((a && b) || c)"),
        ("a or b and c", "(a || (b && c))"),
        ("a && b == c", "(a && (b == c))"),
        ("a < b + c", "(a < (b + c))"),
        ("a in b + c", "(a in (b + c))"),
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b * c % d", "(((a / b) * c) % d)"),
        ("a - (b - c)", "(a - (b - c))"),
        ("!a && b", "((!a) && b)"),
        ("not a and b", "((!a) && b)"),
        ("not not a", "(!(!a))"),
        ("not (a == b)", "(!(a == b))"),
        ("!(a == b)", "(!(a == b))"),
        ("-a * b", "((-a) * b)"),
        ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
        ("a ? b ? c : d : e", "(a ? (b ? c : d) : e)"),
        ("a || b ? c : d", "((a || b) ? c : d)"),
        ("!has(x)", "(!has(x))"),
        ("-lower(x)", "(-lower(x))"),
    ],
)
def test_operators_group_as_in_cel(text: str, expected: str) -> None:
    assert grouped(text) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10.0),
        ("10.50", 10.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("2.5E-1", 0.25),
        ("-5", -5.0),
        ("--5", 5.0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("'it''"[:-1], "it"),
        ('"it\'s"', "it's"),
        (r"'it\'s'", "it's"),
        (r'"a\"b\\c\n\t\r"', 'a"b\\c\n\t\r'),
        (r'"\u00e9\U0001F600"', "é\U0001f600"),
        ('"é “quoted”"', "é “quoted”"),
        ('""', ""),
    ],
)
def test_literals_have_the_value_that_is_written(text: str, value: object) -> None:
    root = parse(text).root
    assert isinstance(root, Literal)
    assert root.value == value
    assert type(root.value) is type(value)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("labels.service", Name("labels.service")),
        ("steps.page.id", Name("steps.page.id")),
        ("x.in", Name("x.in")),
        ("_x1", Name("_x1")),
        ("size", Name("size")),
        ("[]", ListOf(())),
        ("[1, 'a']", ListOf((Literal(1.0), Literal("a")))),
        ("has(labels.service)", Has("labels.service")),
        ("prev(x)", Prev("x")),
        ("count(5m)", Window("count", None, 300.0)),
        ("count(100ms, a)", Window("count", None, 0.1, Name("a"))),
        ("avg(x.y, 1h)", Window("avg", "x.y", 3600.0)),
        ("sum(x, 7d, a == 1)", Window("sum", "x", 604_800.0, Binary("==", Name("a"), Literal(1.0)))),
        ("min(x, 30s)", Window("min", "x", 30.0)),
        ("min(x, 30)", Call("min", (Name("x"), Literal(30.0)))),
        ("max(a, b, c)", Call("max", (Name("a"), Name("b"), Name("c")))),
        ("x.y.startsWith('a')", Call("startsWith", (Name("x.y"), Literal("a")))),
        ("startsWith(x.y, 'a')", Call("startsWith", (Name("x.y"), Literal("a")))),
        ("lower(x).size()", Call("size", (Call("lower", (Name("x"),)),))),
        ("('a' + b).contains('c')", Call("contains", (Binary("+", Literal("a"), Name("b")), Literal("c")))),
        ("[1].size()", Call("size", (ListOf((Literal(1.0),)),))),
        ("true.size()", Call("size", (Literal(value=True),))),
        ("null.size() ", Call("size", (Literal(None),))),
        ("nothing", Name("nothing")),
        ("5.abs()", Call("abs", (Literal(5.0),))),
    ],
)
def test_values_calls_and_windows_become_their_nodes(text: str, node: object) -> None:
    assert parse(text).root == node


def test_white_space_and_line_breaks_mean_nothing() -> None:
    assert parse("a\n  &&\tb ").root == parse("a&&b").root


def test_nodes_know_their_columns() -> None:
    root = parse("a && lower(b) == 'x'").root
    assert [node.at for node in walk(root)] == [2, 0, 14, 5, 11, 17]


@pytest.mark.parametrize(
    ("text", "column", "hint"),
    [
        ("a = 1", 3, "write =="),
        ("a === 1", 3, "write =="),
        ("a !== 1", 3, "write !="),
        ("a <> 1", 3, "write !="),
        ("a => 1", 3, "write >="),
        ("a =< 1", 3, "write <="),
        ("a & b", 3, "&&"),
        ("a | b", 3, "||"),
        ("a ** 2", 3, "x * x"),
        ("a AND b", 3, "and"),
        ("a Or b", 3, "or"),
        ("NOT a", 1, "not"),
        ("a == True", 6, "write true"),
        ("a == None", 6, "has(field)"),
        ("a not in [1]", 3, "!(x in [a, b])"),
        ("not a == b", 1, "not (a == b)"),
        ("not a in [b]", 1, "not (a == b)"),
        ("a is 1", 3, "write =="),
        ("a LIKE 'x'", 3, "contains"),
        ("1 < a < 5", 7, "a < b && b < c"),
        ("a == b == c", 8, "brackets"),
        ("a > 10,000", 7, "10000"),
        ("a > 10k", 5, "without letters"),
        ("sku == 0012", 8, 'put it in quotes if it is a text: "0012"'),
        ("a > 5m", 5, "windows"),
        ("5m", 1, "windows"),
        ("lower(5m)", 7, "windows"),
        ("count(5m + 1)", 7, "windows"),
        ("a 5m", 3, "windows"),
        ("count(1.5h)", 7, "90m"),
        ("count(0s)", 7, "1ms to 366d"),
        ("count(400d)", 7, "1ms to 366d"),
        ("count(1w)", 7, "7d"),
        ("1e999", 1, "1.7e308"),
        ("(a && b", 1, "put a ')'"),
        ("lower(a", 6, "put a ')'"),
        ("count(5m", 6, "put a ')'"),
        ("[1, 2", 1, "put a ']'"),
        ("(a]", 1, "put a ')'"),
        ("a)", 2, "take it away"),
        ("a]", 2, "take it away"),
        ('a == "x', 6, "at its end"),
        ("a == 'x\n'", 6, "same line"),
        (r'"\d"', 2, r"\\ for a backslash"),
        (r'"\ud800"', 2, r"\\ for a backslash"),
        (r'"\u12"', 2, r"\\ for a backslash"),
        ('"\\', 2, r"\\ for a backslash"),
        ("a == \u201cx\u201d", 6, "straight quotes"),
        ("a \u2264 5", 3, "write <="),
        ("a \u2212 5", 3, "write -"),
        ("{{ a }}", 1, "braces"),
        ("a # why", 3, "comments"),
        ("größe > 5", 3, "letters"),
        ("$a", 1, "name alone"),
        ("a b", 3, "&& or ||"),
        ("a &&", 5, "write a field"),
        ("&& a", 1, "write a field"),
        ("a > > b", 5, "write a field"),
        ("+5", 1, "no sign"),
        ("a ? b", 3, "condition ? value"),
        ("a : b", 3, "condition ? value"),
        ("a[0]", 2, "labels.service"),
        ("a .b", 4, "without spaces"),
        ("lower(a).b", 10, "function"),
        ("a.", 3, "function"),
        ("has(a + b)", 1, "has(field)"),
        ("has('a')", 1, "has(field)"),
        ("has()", 1, "has(field)"),
        ("prev(a, b)", 1, "prev(field)"),
        ("a.has(b)", 3, "has(field)"),
        ("a.avg(5m)", 3, "avg(field, 5m)"),
        ("avg(a)", 1, "avg(field, 5m)"),
        ("avg(a / b, 5m)", 1, "avg(field, 5m)"),
        ("avg(5m)", 1, "avg(field, 5m)"),
        ("avg(a, 5m, b, c)", 1, "avg(field, 5m)"),
        ("avg(a, 5m, 5m)", 1, "avg(field, 5m)"),
        ("count()", 1, "count(5m)"),
        ("count(a, 5m)", 1, "count(5m, status"),
        ("min(5m, a)", 1, "min(field, 5m)"),
        ("min(a)", 1, "min(a, b)"),
        ("lower(a, b)", 1, "lower(x)"),
        ("startsWith(a)", 1, "startsWith"),
        ("count(5m, prev(a) > 1)", 11, "let"),
        ("count(5m, avg(a, 5m) > 1)", 11, "let"),
        ("startswith(a, 'b')", 1, "did you mean 'startsWith'?"),
        ("AVG(a, 5m)", 1, "did you mean 'avg'?"),
        ("quux(a, 5m)", 1, "there are abs"),
        ("by(a) > 1", 1, "rate(field, 5m, by(instance))"),
        ("avg(a, 5m, by(b))", 1, "avg(field, 5m, status"),
        ("rate(a, 5m, by(b), by(c))", 1, "rate(field, 5m, by(instance))"),
        ("rate(a, 5m, by(b + c))", 13, "rate(field, 5m, by(instance))"),
        ("rate(by(b), 5m)", 1, "rate(field, 5m)"),
        ("absent(5m)", 1, "absent(field, 15m)"),
        ("lower(by(b))", 7, "rate(field, 5m, by(instance))"),
        ("a.quux()", 3, "there are abs"),
        ("", 1, "write a condition"),
        (" \n", 1, "write a condition"),
    ],
)
def test_a_mistake_is_told_with_its_column_and_what_to_write(text: str, column: int, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.column == column
    assert hint in caught.value.hint
    assert isinstance(caught.value, WrongError)
    assert caught.value.message in str(caught.value)


def test_columns_count_from_the_text_around_it() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("a = 1", offset=10)
    assert caught.value.column == 13


@pytest.mark.parametrize(
    "text",
    [
        "(" * 4000,
        "(" * 2000 + "a" + ")" * 2000,
        "!" * 4000 + "a",
        "not " * 1000 + "a",
        "-" * 4000 + "a",
        "[" * 4000,
        "abs(" * 800 + "a" + ")" * 800,
        "a ? " * 1000 + "b",
        "a ? b : " * 500 + "c",
        "a" + ".lower()" * 500,
        "a" + " + 1" * 1000,
        "a && (b || " * 300 + "c",
    ],
)
def test_deep_and_long_expressions_are_refused_not_crashed_on(text: str) -> None:
    with pytest.raises(ExpressionError, match="nested deeper than"):
        parse(text)


def test_what_is_just_within_the_caps_is_read() -> None:
    assert parse("!" * (MAX_DEPTH - 1) + "a")
    assert parse("!(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1))
    assert parse("1 + (" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1))
    assert parse("[" + ", ".join("a" * (MAX_NODES - 1)) + "]")
    assert parse("a" * MAX_BYTES)


def test_what_is_just_beyond_the_caps_is_refused() -> None:
    with pytest.raises(ExpressionError, match=f"deeper than {MAX_DEPTH}"):
        parse("!" * MAX_DEPTH + "a")
    with pytest.raises(ExpressionError, match=f"more than {MAX_NODES}"):
        parse("[" + ", ".join("a" * MAX_NODES) + "]")
    with pytest.raises(ExpressionError, match=f"longer than {MAX_BYTES}"):
        parse("a" * (MAX_BYTES + 1))
    with pytest.raises(ExpressionError, match=f"longer than {MAX_BYTES}"):
        parse('"' + "é" * (MAX_BYTES // 2) + '"')


def parsed(text: str) -> Expr | ExpressionError:
    try:
        return parse(text)
    except ExpressionError as error:
        return error


@given(st.text(max_size=60) | almost_expressions)
@example("\ud800")
@example("1" * 4000)
def test_any_text_gives_an_expression_or_an_error_that_points_into_it(text: str) -> None:
    found = parsed(text)
    if isinstance(found, ExpressionError):
        assert 1 <= found.column <= len(text) + 1
        assert found.hint
    else:
        assert all(0 <= node.at < len(text) for node in walk(found.root))


def test_expressions_of_equal_text_are_equal_and_name_what_they_read() -> None:
    text = "has(a) && prev(b) > avg(c, 5m, d == e.f) + let_x"
    assert parse(text) == parse(text)
    assert parse(text).names == {"a", "b", "c", "d", "e.f", "let_x"}


def test_a_number_and_a_bool_are_two_literals() -> None:
    assert Literal(1.0) != Literal(value=True)
    assert Literal(1.0, at=3) == Literal(1.0, at=4)
    assert len({Literal(1.0), Literal(value=True), Literal(1.0, at=9)}) == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [(r"'\a\b\f\n\r\t\v'", "\a\b\f\n\r\t\v"), (r'"\?\`\\"', "?`\\"), (r"'\x41\u00e9\U0001f600'", "A\u00e9\U0001f600")],
)
def test_escapes_are_those_of_cel(text: str, value: str) -> None:
    assert parse(text).root == Literal(value)


@pytest.mark.parametrize("text", [r"'\x4'", r"'\u00'", r"'\ud800'", r"'\U00110000'", r"'\q'"])
def test_what_is_no_escape_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="is not an escape"):
        parse(text)
