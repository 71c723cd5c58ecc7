"""Whatever text stands in a rule file: rules come out, or problems; never another exception, and never a long wait."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutyd.core.policy import Policy
from dutyd.core.rule import RuleSet
from dutyd.rules.load import RuleErrors, load_files
from dutyd.rules.policy import read_policy
from dutyd.rules.problems import Problem
from dutyd.rules.syntax.source import SourceFile
from support.needs import DATA, beside
from support.rule_files import GOOD, KNOWN

SUITE = "hostile/yaml_suite.jsonl"
MARKS = (
    *(
        "{{",
        "}}",
        "- ",
        ": ",
        "\n",
        "\n\t",
        "'",
        '"',
        "|",
        ">",
        "&a ",
        "*a",
        "!x ",
        "[",
        "]",
        "{",
        "}",
        "0012",
        "~",
        "%",
    ),
    *("%", "---\n", "...\n", "steps.page.id", "true", "1e999", "\ufeff", "\x85", "\u2028", "\r", "\\", "null", "? "),
)
JUNK = st.one_of(st.text(max_size=12), st.sampled_from(MARKS))
POLICY = st.sampled_from(["mode", "tools", "money", "act", "never", "per_day: 1"])


def problems_in(text: str) -> tuple[Problem, ...]:
    try:
        assert isinstance(load_files({"r.yaml": text}, KNOWN), RuleSet)
    except RuleErrors as errors:
        return errors.problems or (Problem("", 0, 0, "", "errors without a problem"),)
    return ()


def rules_or_problems(text: str) -> None:
    for problem in problems_in(text):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.render(text)


@given(st.text())
def test_any_text_is_rules_or_problems(text: str) -> None:
    rules_or_problems(text)


@given(st.lists(JUNK).map("".join))
def test_any_yaml_like_text_is_rules_or_problems(text: str) -> None:
    rules_or_problems(text)


@settings(max_examples=300)
@given(
    cut=st.tuples(st.integers(0, len(GOOD)), st.integers(0, 40)),
    junk=st.lists(JUNK, max_size=3).map("".join),
)
def test_a_good_file_with_any_part_replaced_is_rules_or_problems(cut: tuple[int, int], junk: str) -> None:
    start, length = cut
    rules_or_problems(GOOD[:start] + junk + GOOD[start + length :])


@given(st.lists(JUNK | POLICY).map("".join))
def test_any_text_is_a_policy_or_problems(text: str) -> None:
    source = SourceFile("policy.yaml", text)
    assert isinstance(read_policy(source), Policy)
    for problem in source.problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.render(text)


@beside(SUITE)
def test_hostile_yaml_is_rules_or_problems() -> None:
    for line in (DATA / SUITE).read_text().splitlines():
        rules_or_problems(json.loads(line)["yaml"])


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "{a: " * 100_000,
        "a:\n" + "".join(" " * depth + "a:\n" for depth in range(1, 1000)),
        "language: 1\nrules:\n  - id: x\n    when: " + "(a+)+" * 200_000,
        "language: 1\nrules:\n  - id: x\n    when: " + " + ".join(["1"] * 15_000),
        "&a " * 10_000,
        "!" * 100_000,
        "'" * 100_001,
        "a: |\n" + " " * 500_000,
    ],
    ids=lambda text: text[:12],
)
def test_texts_made_to_exhaust_a_reader_are_refused(text: str) -> None:
    with pytest.raises(RuleErrors):
        load_files({"r.yaml": text}, KNOWN)
