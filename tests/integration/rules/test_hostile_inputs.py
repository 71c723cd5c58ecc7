"""Hostile files and events through the commands: each is answered in one line, and none takes long.

What "long" is, is a bound on work (characters, tokens, nodes that are looked at); the clock is a generous ceiling.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dutyd.core.expr import ExpressionError, parse, parser
from dutyd.core.expr.tokens import Token, tokens
from dutyd.rules.load import RuleErrors, load_files
from dutyd.rules.problems import Problem
from dutyd.rules.reading.fields import MOST_STRANGE
from dutyd.rules.syntax import yaml_reader
from support.needs import DATA, beside
from support.program import Program
from support.quickly import quickly
from support.rule_files import GOOD, TOOLS_ONLY, changed

HOSTILE = DATA / "hostile"
real_texts = beside("hostile")


@pytest.fixture
def dutyd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "good.yaml").write_text(GOOD)
    return Program(tmp_path, capsys, monkeypatch)


def lines_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HOSTILE / name).read_text(encoding="utf-8").splitlines()]


def naughty() -> list[str]:
    return list(json.loads((HOSTILE / "naughty_strings.json").read_text(encoding="utf-8")))


@real_texts
def test_every_hostile_yaml_is_refused_with_a_line_of_its_own(dutyd: Program) -> None:
    texts = {f"h{number:02}.yaml": case["yaml"] for number, case in enumerate(lines_of("yaml_suite.jsonl"))}
    for name, text in texts.items():
        (dutyd.folder / "rules" / name).write_text(text, encoding="utf-8")
    code, out, err = dutyd("rules", "check", "rules", "--json")
    told = json.loads(out)
    assert (code, err) == (2, "")
    assert {each["file"] for each in told} == set(texts)
    assert all(each["message"] and "\n" not in each["message"] and "Traceback" not in each["message"] for each in told)


@real_texts
def test_every_hostile_json_is_answered_in_a_line(dutyd: Program) -> None:
    cases = lines_of("json_parsing.jsonl")
    for case in cases:
        (dutyd.folder / "event.json").write_text(case["text"], encoding="utf-8", errors="surrogatepass")
        ended = dutyd("rules", "eval", "has(a)", "--event", "event.json")
        told = (ended.out + ended.err).strip()
        assert ended.code in (0, 3), case["name"]
        assert told
        assert "\n" not in told
        if case["expect"] == "reject":
            assert ended.code == 3, case["name"]
            assert "the event can't be read: not JSON" in told


@real_texts
def test_naughty_texts_are_texts_and_mistakes_never_more(dutyd: Program) -> None:
    batch = [{"expr": text, "event": {"a": text}} for text in naughty()]
    batch += [{"expr": "a == b", "event": {"a": text, "b": text}} for text in naughty()]
    (dutyd.folder / "batch.jsonl").write_text("".join(json.dumps(each) + "\n" for each in batch))
    code, out, err = dutyd("rules", "eval", "--batch", "batch.jsonl", "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert (code, err, len(told)) == (0, "", len(batch))
    assert told[len(naughty()) :] == [{"value": True}] * len(naughty())


@real_texts
def test_naughty_texts_in_a_rule_are_rules_or_mistakes() -> None:
    for text in naughty():
        for part in ("high-errors", "metrics", "error_count > 10", "critical"):
            for problem in problems_of(changed(part, json.dumps(text))):
                assert problem.line >= 1
                assert problem.message
                assert "\n" not in problem.message


def problems_of(text: str) -> tuple[Problem, ...]:
    try:
        load_files({"r.yaml": text}, TOOLS_ONLY)
    except RuleErrors as errors:
        return errors.problems
    return ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" + ".join(["1"] * 15_000), "longer than 4096 bytes"),
        ("(a+)+" * 190_000, "longer than 4096 bytes"),
        ("(" * 2_000 + "1" + ")" * 2_000, "nested deeper than 64 levels"),
        ("!" * 4_000 + "a", "nested deeper than 64 levels"),
        ("1" + "+1" * 2_000, "nested deeper than 64 levels"),
        ("[" + "1," * 2_000 + "1]", "more than 256 parts"),
    ],
    ids=["15,000 terms", "1 MB like a regex", "brackets", "nots", "a long sum", "a long list"],
)
def test_a_huge_expression_is_refused_before_it_costs_anything(
    text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def counted(given: str) -> Iterator[Token]:
        seen.append(len(given))
        return tokens(given)

    monkeypatch.setattr(parser, "tokens", counted)
    with quickly(), pytest.raises(ExpressionError, match=words):
        parse(text)
    assert sum(seen) <= parser.MAX_BYTES


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000 + "]" * 10_000,
        "{a: " * 10_000,
        "- " * 10_000,
        "".join(" " * deep + "a:\n" for deep in range(1_000)),  # a file holds no deeper one
    ],
    ids=["lists", "mappings", "dashes", "lines"],
)
def test_a_deep_yaml_is_left_where_it_gets_too_deep(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[object] = []
    feed = yaml_reader._Builder.feed

    def counted(self: yaml_reader._Builder, event: Any) -> None:
        fed.append(event)
        feed(self, event)

    monkeypatch.setattr(yaml_reader._Builder, "feed", counted)
    with quickly():
        (problem,) = problems_of(text)
    assert problem.code == "too-deep"
    assert len(fed) < 150


def test_a_huge_text_in_a_rule_is_one_mistake(dutyd: Program) -> None:
    (dutyd.folder / "rules" / "good.yaml").write_text(changed("error_count > 10", f'"{"(a+)+" * 190_000}"'))
    with quickly():
        code, out, _ = dutyd("rules", "check", "rules")
    assert code == 2
    assert "the expression is longer than 4096 bytes [expression]" in out
    assert max(map(len, out.splitlines())) < 250


def test_thousands_of_unknown_keys_are_told_up_to_a_bound() -> None:
    keys = "".join(f"    key{number}: 1\n" for number in range(5_000))
    found = problems_of(changed("    mode: act\n", f"    mode: act\n{keys}"))
    assert len(found) == MOST_STRANGE + 1
    assert "and 4,950 more keys that a rule does not have" in found[-1].message
