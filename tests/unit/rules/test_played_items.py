"""Rule tests of rules that do a step for each item of a list, and of groups: the same answers as the worker's."""

from pathlib import Path

import pytest

from support.rule_files import acting_rule
from support.rule_tests import verdict_of

RULES = acting_rule(
    """
      page:
        each: "{{ hosts }}"
        tool: send_alert
        if: item != "spare"
        with: {severity: critical, summary: "{{ item }}"}
        approval_if: summary == "db"
      tell: {needs: [page], tool: notify, with: {to: ana, text: "Paged: {{ steps.page.results }}"}}
    on_clear:
      resolve: {each: "{{ steps.page.results }}", tool: resolve_alert, with: {alert: "{{ item.id }}"}}
""",
    rule="r",
    per="rack",
    when="up == 0",
)
GROUPED = """
language: 1
rules:
  - id: r
    from: metrics
    opens: each_event
    per: [customer]
    group: {by: [customer], wait: 1m, at_most: 3}
    mode: act
    steps:
      ticket:
        tool: create_ticket
        with: {project: SUP, kind: inquiry, title: "{{ customer }}: {{ group.size }}", body: "{{ evidence }}"}
"""
FINE = "{at: 1m, fields: {rack: r1, up: 1}}"
CASES = {
    "each item once, and taken back": (
        RULES,
        (
            "events: [{at: 0s, fields: {rack: r1, up: 0, hosts: [a, b, a, spare]}}, FINE]\n"
            "expect:\n  effects:\n"
            "    - {step: page, args: {summary: a}}\n    - {step: page, args: {summary: b}}\n    - {step: tell}\n"
            "    - {step: resolve, args: {alert: page-1}}\n    - {step: resolve, args: {alert: page-2}}"
        ),
    ),
    "an item that waits holds up what needs the step, and the others are taken back": (
        RULES,
        (
            "events: [{at: 0s, fields: {rack: r1, up: 0, hosts: [a, db]}}, FINE]\n"
            "expect:\n  effects:\n"
            "    - {step: page, args: {summary: a}}\n"
            "    - {step: page, args: {summary: db}, state: REFUSED}\n"
            "    - {step: resolve, args: {alert: page-1}}"
        ),
    ),
    "a list that is unknown is refused": (
        RULES,
        "events: [{at: 0s, fields: {rack: r1, up: 0}}]\nexpect: {effects: [{step: page, state: REFUSED}]}",
    ),
    "what has no end of its own is grouped, too": (
        GROUPED,
        (
            "events:\n"
            "  - {at: 0s .. 30s every 10s, fields: {customer: kim}}\n"
            "  - {at: 5m, fields: {customer: kim}}\n"
            "until: 10m\n"
            "expect:\n  effects:\n"
            "    - {step: ticket, args: {title: 'kim: 3'}}\n"
            "    - {step: ticket, args: {title: 'kim: 1'}}\n"
            "    - {step: ticket, args: {title: 'kim: 1'}}"
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_rule_test_plays_it(name: str, tmp_path: Path) -> None:
    rules, body = CASES[name]
    verdict = verdict_of(tmp_path, rules, body.replace("FINE", FINE), "r")
    assert verdict.passed, verdict.differences + verdict.seen
