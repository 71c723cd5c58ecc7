"""What a change of rule files makes of what is going on, told before it happens."""

from typing import Any

import pytest

from dutyd.core.rule import Rule
from dutyd.evaluate.engine import LatchKey
from dutyd.rules.load import load_files
from dutyd.rules.rehearsal.planning import plan_change
from support.engine.run import Task, event
from support.rule_files import TOOLS_ONLY

RULES = """\
language: 1
rules:
  - id: hot
    from: metrics
    per: [k]
    when: n > 10
    clear: n < 5
    steps: {page: {tool: send_alert, with: {severity: info, summary: x}}}
  - id: slow
    from: metrics
    per: [k]
    when: n > 10
    for: 1h
    steps: {page: {tool: send_alert, with: {severity: info, summary: x}}}
"""


def rules(*changes: tuple[str, str]) -> dict[str, Rule]:
    text = RULES
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return dict(load_files({"r.yaml": text}, TOOLS_ONLY).rules)


def going_on() -> dict[LatchKey, Any]:
    task = Task(*rules().values())
    task.judge(event(0, n=20), event(1, "b", n=3))
    return task.state.all_latches()


def told(new: dict[str, Rule]) -> list[tuple[str, ...]]:
    return [
        (each.fate.value, each.rule, *(each.entity or ()), each.because)
        for each in plan_change(rules(), new, going_on())
    ]


def test_the_same_rules_change_nothing() -> None:
    assert told(rules()) == [("stay", "hot", "a", ""), ("stay", "slow", "a", "still pending")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("summary: x", "summary: y"), [("changed", "hot", "steps.page"), ("stay", "hot", "a", "")]),
        (
            ("when: n > 10", "when: n > 15"),
            [("changed", "hot", "when"), ("stay", "hot", "a", "the next event judges it")],
        ),
        (
            ("clear: n < 5", "clear: n < 25"),
            [
                ("changed", "hot", "clear"),
                ("stay", "hot", "a", "an event like that of its opening would clear it"),
            ],
        ),
        (
            ("per: [k]", "per: [k, host]"),
            [("changed", "hot", "per"), ("clear", "hot", "a", "its `from` or `per` changed: other entities")],
        ),
        (
            ("id: hot", "id: warm"),
            [
                ("gone", "hot", ""),
                ("new", "warm", ""),
                ("clear", "hot", "a", "the rule is gone: it clears after five minutes without it"),
            ],
        ),
    ],
)
def test_an_edit_tells_what_becomes_of_the_incident(change: tuple[str, str], expected: list[tuple[str, ...]]) -> None:
    assert [each for each in told(rules(change)) if each[1] != "slow"] == expected


def test_what_is_pending_begins_anew_where_its_rule_was_edited() -> None:
    assert ("held", "slow", "a", "`for` begins anew") in told(rules(("for: 1h", "for: 2h")))
