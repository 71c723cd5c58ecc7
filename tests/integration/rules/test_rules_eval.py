"""What ``dutyd rules eval`` answers: values, unknowns with their reasons, mistakes with their columns."""

import json
from pathlib import Path

import pytest

from support.program import Program

EVENT = '{"service": "shop", "error_count": 14, "labels": {"env": "prod"}}'


@pytest.fixture
def dutyd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    (tmp_path / "event.json").write_text(EVENT)
    return Program(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("error_count / 4", "3.5"),
        ("error_count > 10 && labels.env == 'prod'", "true"),
        ("upper(service)", '"SHOP"'),
        ("missing > 3", "unknown: 'missing' has no value"),
        ("error_count / (error_count - 14)", "unknown: '/' by zero"),
        ("count(5m)", "1"),
        ("avg(error_count, 5m)", "14"),
        ("prev(error_count)", "unknown: 'error_count' had no value in the event before"),
    ],
)
def test_a_value_or_why_there_is_none(dutyd: Program, expression: str, told: str) -> None:
    assert dutyd("rules", "eval", expression, "--event", "event.json") == (0, told + "\n", "")


def test_windows_see_every_event_of_an_array_and_the_last_is_asked(dutyd: Program) -> None:
    events = [{"time": f"2026-01-31T09:0{minute}:00Z", "n": minute} for minute in (0, 3, 7)]
    (dutyd.folder / "event.json").write_text(json.dumps(events))
    assert dutyd("rules", "eval", "sum(n, 5m)", "--event", "event.json").out == "10\n"
    assert dutyd("rules", "eval", "n - prev(n)", "--event", "event.json").out == "4\n"


def test_a_mistake_is_pointed_at_and_ends_as_a_bad_rule_does(dutyd: Program) -> None:
    code, out, err = dutyd("rules", "eval", 'error_count > "10"', "--event", "event.json")
    assert (code, out) == (2, "")
    assert err.startswith("error (column 15): '>' compares with a number that is a text: write 10 without quotes\n")
    assert err.endswith('\nerror_count > "10"\n' + " " * 14 + "^\n")


def test_an_event_that_is_none_is_wrong_input(dutyd: Program) -> None:
    (dutyd.folder / "event.json").write_text('{"n": NaN}')
    code, _, err = dutyd("rules", "eval", "n", "--event", "event.json")
    assert code == 3
    assert "NaN and Infinity are no JSON numbers" in err


@pytest.mark.parametrize("arguments", [("a > 1",), ("--event", "event.json"), ("a", "--batch", "event.json")])
def test_half_a_question_says_what_is_missing(dutyd: Program, arguments: tuple[str, ...]) -> None:
    code, _, err = dutyd("rules", "eval", *arguments)
    assert code == 3
    assert "either EXPR and --event FILE, or --batch FILE" in err


def test_every_line_of_a_batch_is_answered(dutyd: Program) -> None:
    lines = [
        '{"expr": "a + 1", "event": {"a": 2}}',
        '{"expr": "a.b", "event": {"a": {"b": [1, "x"]}}}',
        '{"expr": "z > 1", "event": {}}',
        '{"expr": "a >", "event": {}}',
        "",
        "not json",
        '{"expr": "a", "event": 7}',
        '{"expr": "a", "event": {"a": 1e999}}',
        '{"expr": "true", "event": ' + "[" * 5_000 + "]" * 5_000 + "}",
    ]
    (dutyd.folder / "batch.jsonl").write_text("\n".join(lines))
    code, out, err = dutyd("rules", "eval", "--batch", "batch.jsonl", "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert told[:3] == [{"value": 3}, {"value": [1, "x"]}, {"unknown": "'z' has no value"}]
    assert told[3]["column"] == 4
    assert "a value is missing at the end" in told[3]["error"]
    assert [answer["column"] for answer in told[4:]] == [0, 0, 0, 0]
    assert told[4]["error"].startswith("line 6 is no ")
    assert "expected an object" in told[5]["error"]
