"""What YAML makes of a slip is told in plain words, and the rest of the file is still checked."""

import pytest

from dutyd.rules.reading.values import plain
from dutyd.rules.syntax.source import Broken, ListNode, MapNode, Scalar, SourceFile
from dutyd.rules.syntax.yaml_reader import read_yaml
from support.rule_files import changed, problems_of

TRAPS = [
    ("a: {{ x }}", "1:4", "'{{ }}' without quotes reads as a YAML mapping"),
    ("a: {{ x }}: {{ y }} errors", "1:4", "'{{ }}' without quotes"),
    ("a: {{ 2 * x }} pieces", "1:4", "'{{ }}' without quotes"),
    ("a: {b: {{ x }}}", "1:8", "'{{ }}' without quotes"),
    ("a: {b: {{ x }} y}", "1:8", "'{{ }}' without quotes"),
    ("- {{ x }}", "1:3", "'{{ }}' without quotes"),
    ("a: !has(x)", "1:4", "put the whole value in quotes: '!has(x)'"),
    ("a: !has(x) && y > 1", "1:4", "put the whole value in quotes: '!has(x) && y > 1'"),
    ("a: !!str 12", "1:4", "'!' at the beginning of a value makes it a YAML tag"),
    ("a: ! {b: c}", "1:4", "makes it a YAML tag"),
    ("a: &x 1", "1:4", "makes it a YAML anchor"),
    ("a: &x [1]", "1:4", "makes it a YAML anchor"),
    ("a: *x", "1:4", "makes it a YAML alias"),
    ("a: b ? c : d", "1:10", "': ' inside a value without quotes begins a new mapping"),
    ("a: note: done", "1:8", "put the whole value in quotes: 'note: done'"),
    ('a: "x" == y', "1:4", "a value that begins with a quote ends at the next one"),
    ("a: 'x' == \"it's\"", "1:4", "put the whole value in quotes: '''x'' == \"it''s\"'"),
    ("a: 0012", "1:4", 'put it in quotes: "0012"'),
    ("a: {sku: -007}", "1:10", "reads as a number and loses its leading zeros"),
    ("a:\n\tb: 1", "2:1", "a tab stands where YAML wants spaces"),
    ("a: %x", "1:4", "a value can't begin with this character"),
    ("a: @x", "1:4", "a value can't begin with this character"),
    ("a: 'x\nb: 1", "1:4", "this quote is never closed"),
    ('a: "\\d+"', "1:6", "this backslash escape does not exist"),
    ("a: [1, 2", "1:4", "this [ is not closed"),
    ("a: {b: 1", "1:4", "this { is not closed"),
    ("a: 1\n b: 2", "2:3", "indented more than its neighbours"),
    ("a:\n    b: 1\n  c: 2", "3:3", "does not fit the lines above it"),
    ("abc\nd: 1", "2:2", "indented more than its neighbours"),
    ("a: 1\nb\nc: 2", "2:1", "a ':' is missing after this key"),
    ("a: 1\na: 2", "2:1", "'a' stands twice in this mapping; the first is in line 1"),
    ("? [a]\n: b", "1:3", "a list or mapping can't be a key"),
    ("a: .inf", "1:4", "no number that dutyd knows"),
    ("a: 1e999", "1:4", "no number that dutyd knows"),
    ("a: x\0y", "1:5", "the character U+0000 is not allowed in YAML"),
    ("%YAML 1.1\n---\na: 1", "1:1", "directives (%YAML, %TAG) are not used"),
    ("a: 1\n---\nb: 2", "2:1", "one file holds one document"),
    ("", "1:1", "the file is empty"),
    ("# nothing yet\n", "1:1", "the file is empty"),
    ("[" * 40 + "]" * 40, "1:33", "nested deeper than 32 levels"),
]


@pytest.mark.parametrize(("text", "place", "words"), TRAPS)
def test_a_trap_is_one_message_in_plain_words(text: str, place: str, words: str) -> None:
    source = SourceFile("r.yaml", text)
    read_yaml(source)
    (found,) = set(source.problems)
    assert f"{found.line}:{found.column}" == place
    assert words in f"{found.message}; {found.hint}"


def test_reading_goes_on_behind_a_trap() -> None:
    text = "a: b: c\nd: {{ x }} y\ne: 'z\nf: 1\nf: 2\n".replace("'z", "0012")
    source = SourceFile("r.yaml", text)
    root = read_yaml(source)
    assert [problem.line for problem in sorted(source.problems)] == [1, 2, 3, 5]
    assert isinstance(root, MapNode)
    assert [type(value) for _, value in root.pairs] == [Broken, Broken, Broken, Scalar]


def test_what_was_reported_as_yaml_is_not_reported_again_as_a_rule() -> None:
    (found,) = problems_of(changed("when: error_count > 10", "when: !has(error_count)"))
    assert (found.line, found.column, found.code) == (7, 11, "yaml")


def test_a_trap_deep_inside_a_rule_hides_no_mistake_before_or_behind_it() -> None:
    text = changed("from: metrics", "from: metricks").replace("when: error_count > 10", "when: a ? b : c")
    text = text.replace("severity: critical,", "severity: fatal,")
    assert [(one.line, one.code) for one in problems_of(text)] == [
        (4, "unknown-topic"),
        (7, "yaml"),
        (20, "argument"),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("NO", "NO"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("12", 12),
        ("-1.5e3", -1500.0),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("12:30", "12:30"),
        ("'12'", "12"),
        ("1" * 30, float("1" * 30)),
        ("0xFFFFFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFFFFFF"),
        (".5", 0.5),
        ("-", None),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    source = SourceFile("r.yaml", f"[{text}]" if text != "-" else "- ")
    root = read_yaml(source)
    assert isinstance(root, ListNode)
    assert [(type(one), one) for one in plain(root)] == [(type(value), value)]


def test_a_large_broken_file_is_not_read_again_and_again() -> None:
    line = "a: b: c\n"
    source = SourceFile("r.yaml", line * 100_000)
    assert read_yaml(source) is None
    assert len(source.problems) == 1


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    source = SourceFile("r.yaml", "#" * 8_000_001)
    assert read_yaml(source) is None
    assert [problem.code for problem in source.problems] == ["too-large"]
