"""What ``dutyd rules check`` and ``dutyd rules test`` print and return."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from support.program import Program

RULE = """\
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: n > 1
    mode: act
    expire: 7d
    steps:
      page: {tool: send_alert, with: {severity: info, summary: "{{ service }}"}}
"""
TEST = """\
language: 1
rule: errors
tests:
  - name: two is enough
    events: [{at: 0s, fields: {service: a, n: NUMBER}}]
    expect: {effects: [{step: page, args: {summary: a}}]}
"""


@pytest.fixture
def dutyd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    (tmp_path / "rules" / "tests").mkdir(parents=True)
    (tmp_path / "rules" / "a.yaml").write_text(RULE)
    return Program(tmp_path, capsys, monkeypatch)


def test_right_files_say_so_and_what_was_not_checked(dutyd: Program) -> None:
    code, out, err = dutyd("rules", "check", "rules")
    assert (code, err) == (0, "")
    assert out.startswith("rules: 1 rule, no mistake.\nNot checked: topics")


def test_with_settings_topics_are_checked_too(dutyd: Program) -> None:
    (dutyd.folder / "dutyd.yaml").write_text("topics: {metrisc: {}}\n")
    code, out, _ = dutyd("rules", "check", "rules", "--settings", "dutyd.yaml")
    assert code == 2
    assert "a.yaml:4:11: " in out
    assert "metrisc" in out
    assert "Not checked" not in out


def test_programs_get_the_mistakes_as_a_list(dutyd: Program) -> None:
    (dutyd.folder / "rules" / "a.yaml").write_text(RULE.replace("mode", "mod"))
    code, out, err = dutyd("rules", "check", "rules", "--json")
    (told,) = json.loads(out)
    assert (code, err) == (2, "")
    assert told.keys() == {"file", "line", "column", "code", "message", "hint"}
    assert (told["file"], told["line"], told["column"], told["code"]) == ("a.yaml", 7, 5, "unknown-key")


def test_what_is_probably_not_meant_is_a_finding_and_no_mistake(dutyd: Program) -> None:
    assert json.loads(dutyd("rules", "check", "rules", "--json").out) == []
    (dutyd.folder / "rules" / "a.yaml").write_text(RULE.replace("n > 1", "avg(http_errors_total, 5m) > 1"))
    code, out, _ = dutyd("rules", "check", "rules")
    assert code == 1
    assert out.startswith("a.yaml:3:9: rule 'errors': avg(http_errors_total, 5m) is the average of a counter")
    assert "rules: 1 rule, no mistake, 1 finding." in out
    told = dutyd("rules", "check", "rules", "--json")
    assert (told.code, [each["code"] for each in json.loads(told.out)]) == (1, ["counter"])


def test_a_field_that_no_event_of_a_history_has_is_found(dutyd: Program) -> None:
    (dutyd.folder / "events.jsonl").write_text('{"time": "2026-01-31T09:00:00Z", "serivce": "a", "n": 1}\n')
    code, out, _ = dutyd("rules", "check", "rules", "--events", "events.jsonl")
    assert code == 1
    assert "no event of 'metrics' has a field 'service' (1 looked at); did you mean 'serivce'? [never-seen]" in out


def test_a_history_in_which_nothing_can_be_read_is_not_taken_for_one_where_every_field_is(dutyd: Program) -> None:
    (dutyd.folder / "events.jsonl").write_text('{"serivce": "a", "n": 1}\n' * 5)
    code, _, err = dutyd("rules", "check", "rules", "--events", "events.jsonl")
    assert code == 0
    assert "events.jsonl: 0 events; 5 records can't be read" in err
    assert err.count("neither the record nor the event says a time") == 3


def test_what_a_model_may_take_in_a_day_is_said(dutyd: Program) -> None:
    agent = "    agent: {goal: g, budget: {tokens: 1000, usd: 0.1}}\n    throttle: {per_rule: [2/1h]}\n    steps:\n"
    (dutyd.folder / "rules" / "a.yaml").write_text(RULE.replace("    steps:\n", agent))
    assert (
        "errors: asks the model at most 48 times a day: 48,000 tokens, 4.80 USD" in dutyd("rules", "check", "rules").out
    )


PRICED = """\
language: 1
rules:
  - id: reorder
    from: stock
    per: [sku]
    when: level < 5
    again: {every: 12h, at_most: 5}
    throttle: {per_rule: [10/1d]}
    mode: act
    agent: {goal: g, budget: {tokens: 10000}}
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: "{{ sku }}", supplier: acme, unit_price: 2.50 EUR}
        decide: {quantity: {integer: {min: 1, max: 40}}}
        fallback: {quantity: 1}
  - id: morning
    schedule: "0 6,18 * * *"
    mode: act
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: S, supplier: acme, quantity: 3, unit_price: "{{ weekday == 'monday' ? 1 : 2 }} EUR"}
"""


def test_the_worst_case_of_a_day_is_priced_by_the_settings(dutyd: Program) -> None:
    (dutyd.folder / "rules" / "a.yaml").write_text(PRICED)
    model = 'model: {base_url: "http://127.0.0.1:1/v1", price: {input: 1, output: 3}}\n'
    (dutyd.folder / "dutyd.yaml").write_text(f"topics: {{stock: {{}}}}\n{model}")
    _, out, _ = dutyd("rules", "check", "rules", "--settings", "dutyd.yaml", "--costs")
    assert out.splitlines() == [
        "reorder: asks the model at most 30 times a day: 300,000 tokens, 0.90 USD",
        "reorder: orders for at most 3,000.00 EUR a day",
        "morning: orders without a bound",
    ]
    (dutyd.folder / "policy.yaml").write_text("money: {currency: EUR, per_effect: 80, per_day: 500}\n")
    (dutyd.folder / "dutyd.yaml").write_text(f"topics: {{stock: {{}}}}\npolicy: policy.yaml\n{model}")
    _, out, _ = dutyd("rules", "check", "rules", "--settings", "dutyd.yaml", "--costs", "--json")
    rows = {row["rule"]: row for row in json.loads(out)}
    assert {name: (row["openings"], row["money"]) for name, row in rows.items()} == {
        "reorder": (10.0, "500.00 EUR"),
        "morning": (2.0, "160.00 EUR"),
    }


def test_a_rule_test_that_passes_is_one_line(dutyd: Program) -> None:
    (dutyd.folder / "rules" / "tests" / "a.yaml").write_text(TEST.replace("NUMBER", "2"))
    code, out, _ = dutyd("rules", "test", "rules")
    assert code == 0, out
    assert out == "passed  errors: two is enough (tests/a.yaml:4)\nrules: 1 test, none failed.\n"


def test_a_rule_test_that_fails_says_what_happened_and_is_a_finding(dutyd: Program) -> None:
    (dutyd.folder / "rules" / "tests" / "a.yaml").write_text(TEST.replace("NUMBER", "1"))
    code, out, _ = dutyd("rules", "test", "rules")
    assert code == 1
    assert "failed  errors: two is enough" in out
    assert "expected an effect page(summary=a) DONE; got: none" in out
    assert "what happened:\n          nothing happened" in out
    told = json.loads(dutyd("rules", "test", "rules", "--json").out)
    assert [each["passed"] for each in told["tests"]] == [False]


def test_continuous_integration_gets_junit(dutyd: Program) -> None:
    passing = TEST.replace("NUMBER", "2")
    failing = TEST.replace("NUMBER", "1").partition("tests:\n")[2].replace("two", "one\u0007")
    (dutyd.folder / "rules" / "tests" / "a.yaml").write_text(passing + failing.replace("\u0007", "<&"))
    assert dutyd("rules", "test", "rules", "--junit", "out.xml").code == 1
    root = ET.parse(dutyd.folder / "out.xml").getroot()
    assert (root.tag, root.attrib) == ("testsuites", {"tests": "2", "failures": "1", "errors": "0"})
    (suite,) = root
    assert suite.attrib["name"] == "tests/a.yaml"
    assert [case.attrib["name"] for case in suite] == ["two is enough", "one<& is enough"]
    (failure,) = suite[1]
    assert failure.attrib["message"] == "expected an effect page(summary=a) DONE; got: none"
    assert "errors (service=a): it opens nothing: `when` is false" in (failure.text or "")
    assert dutyd("rules", "test", "rules", "--junit", "nowhere/out.xml").code == 3


def test_rules_without_tests_are_named(dutyd: Program) -> None:
    code, out, _ = dutyd("rules", "test", "rules")
    assert (code, out) == (0, "rules: 0 tests, none failed.\nWithout a test: errors.\n")


def test_a_wrong_test_file_is_a_wrong_rule(dutyd: Program) -> None:
    (dutyd.folder / "rules" / "tests" / "a.yaml").write_text(TEST.replace("rule: errors", "rule: eror"))
    code, _, err = dutyd("rules", "test", "rules")
    assert code == 2
    assert "tests/a.yaml:2:7: " in err
