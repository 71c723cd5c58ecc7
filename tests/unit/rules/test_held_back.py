"""Rule tests about what holds incidents back: silences, inhibition, throttles, storms and the brake, in event time."""

from pathlib import Path

import pytest

from dutyd.rules.load import RuleErrors
from dutyd.rules.testing.run import Verdict
from support.rule_tests import verdict_of

RULES = """\
language: 1
rules:
  - id: host-down
    from: hosts
    per: [host]
    when: up == 0
    mode: act
    steps: {page: {tool: send_alert, with: {severity: critical, summary: "{{ host }}"}}}
  - id: disk-slow
    from: metrics
    per: [host]
    when: slow == true
    inhibit: {by: [host-down], group_wait: 30s}
    brake: {openings: 30, within: 1h}
    throttle: {per_rule: [25/1h]}
    mode: act
    steps: {page: {tool: send_alert, with: {severity: warning, summary: "{{ summary }}"}}}
    on_clear: {resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}}}
  - id: errors
    from: metrics
    per: [host]
    when: errors > 3
    brake: {openings: 1, within: 1h}
    throttle: {per_entity: [1/1h]}
    mode: act
    steps: {page: {tool: send_alert, with: {severity: warning, summary: "{{ summary }}"}}}
silences:
  - {id: copies, rule: disk-slow, match: {host: b}, at: "0 2 * * *", lasts: 1h, because: the copies keep it busy}
"""


def played(folder: Path, body: str, rule: str = "disk-slow") -> Verdict:
    return verdict_of(folder, RULES, body, rule)


PASSING = {
    "an opening waits for what may explain it": """
events: [{at: 0s, fields: {host: a, slow: true}}]
until: 1m
expect: {opens: [{at: 0s, muted: group_wait, begun: 30s, held: false}], effects: [{step: page}]}
""",
    "what another rule explains waits until that clears": """
events:
  - {at: 0s, from: hosts, fields: {host: a, up: 0}}
  - {at: 10s, fields: {host: a, slow: true}}
  - {at: 5m, from: hosts, fields: {host: a, up: 1}}
expect: {opens: [{at: 10s, muted: inhibited by host-down, begun: 5m}], effects: [{step: page}]}
""",
    "nothing is said of what clears in time": """
events:
  - {at: 0s, from: hosts, fields: {host: a, up: 0}}
  - {at: 10s, fields: {host: a, slow: true}}
  - {at: 20s, fields: {host: a, slow: false}}
  - {at: 5m, from: hosts, fields: {host: a, up: 1}}
expect: {opens: [{at: 10s, muted: inhibited by host-down}], clears: [{at: 20s}], effects: []}
""",
    "a silence of the rule files is there at its hours": """
begin: 2026-03-02T02:30:00Z
events: [{at: 0s, fields: {host: b, slow: true}}, {at: 1s, fields: {host: c, slow: true}}]
until: 1h
expect:
  opens:
    - {entity: {host: b}, muted: silence copies, begun: 30m}
    - {entity: {host: c}, muted: group_wait, begun: 31s}
""",
    "a silence can be made in a test": """
silences: [{id: disks, at: 0s, lasts: 20m, match: {host: a}}]
events: [{at: 1m, fields: {host: a, slow: true}}]
until: 10m
expect: {opens: [{at: 1m, muted: silence disks}], effects: []}
""",
}


@pytest.mark.parametrize("body", PASSING.values(), ids=PASSING.keys())
def test_what_holds_back_can_be_expected(tmp_path: Path, body: str) -> None:
    verdict = played(tmp_path, body)
    assert verdict.passed, verdict.differences + verdict.seen


def many(number: int, fields: str) -> str:
    return "events:\n" + "".join(f"  - {{at: 0s, fields: {{host: h{each}, {fields}}}}}\n" for each in range(number))


def test_a_storm_has_a_page_and_its_members_say_so(tmp_path: Path) -> None:
    body = many(22, "slow: true") + "until: 1m\nexpect: {pages: [{kind: storm, at: 5s, members: 2}]}"
    verdict = played(tmp_path, body)
    assert verdict.passed, verdict.differences
    assert "opened of host=h21 at 0s, muted by storm, and nothing was done: host=h21, slow=True" in verdict.seen
    assert "storm for 2 at 5s" in verdict.seen


def test_a_storm_of_what_is_silenced_pages_nobody(tmp_path: Path) -> None:
    body = "silences: [{lasts: 10m}]\n" + many(22, "slow: true") + "until: 5m\nexpect: {effects: [], pages: []}"
    verdict = played(tmp_path, body)
    assert verdict.passed, verdict.differences
    body = body.replace("until: 5m", "until: 10m").replace("effects: [], pages: []", "pages: [{kind: storm, at: 10m}]")
    verdict = played(tmp_path, body)
    assert verdict.passed, verdict.differences


def test_what_the_brake_holds_waits_for_approval_and_a_throttle_says_it_once(tmp_path: Path) -> None:
    body = """
events:
  - {at: 0s, fields: {host: a, errors: 4}}
  - {at: 1m, fields: {host: a, errors: 0}}
  - {at: 2m, fields: {host: a, errors: 4}}
until: 2h
expect:
  opens: [{at: 0s, held: false}, {at: 2m, held: brake, muted: throttle, begun: 1h}]
  effects: [{step: page}, {step: page, state: AWAITING_APPROVAL}, {step: page}]
  pages: [{kind: rollup, at: 125s, members: 1}]
"""
    verdict = played(tmp_path, body, "errors")
    assert verdict.passed, verdict.differences


def test_a_failure_says_what_was_expected_what_there_was_and_the_conditions(tmp_path: Path) -> None:
    body = """
silences: [{lasts: 20m}]
events: [{at: 1m, fields: {host: a, slow: true}}]
until: 30m
expect: {opens: [{at: 1m, muted: silence nights}], pages: [{kind: storm}]}
"""
    verdict = played(tmp_path, body)
    got = "of host=a at 1m, muted by silence by-hand, begun at 20m"
    assert verdict.differences == (
        f"expected an opening at 1m, muted by silence nights; got: {got}",
        f"did not expect an opening {got}",
        "expected a page storm; got: none",
    )
    assert verdict.explained[0] == "at 1m, disk-slow (host=a): it opens an incident"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("begin: noon\nevents: [{at: 0s, fields: {x: 1}}]\nexpect: nothing", "expected a time such as 2026-03-02"),
        ("silences: [{at: 0s}]\nevents: [{at: 0s, fields: {x: 1}}]\nexpect: nothing", "'lasts' is missing"),
        ("silences: [{lasts: 1h, rule: disk}]\nevents: [{at: 0s, fields: {x: 1}}]\nexpect: nothing", "no rule 'disk'"),
        ("events: [{at: 0s, from: host, fields: {x: 1}}]\nexpect: nothing", "does not read topic 'host'"),
        ("events: [{at: 0s, fields: {x: 1}}]\nexpect: {opens: [{muted: 3}]}", "expected such as silence nights"),
        ("events: [{at: 0s, fields: {x: 1}}]\nexpect: {pages: [{kind: strom}]}", "did you mean 'storm'"),
        ("events: [{at: 0s, fields: {x: 1}}]\nexpect: {clears: [{muted: x}]}", "'muted' is no key"),
    ],
)
def test_what_is_written_wrong_is_said(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        played(tmp_path, body)
    assert said in str(caught.value), str(caught.value)
