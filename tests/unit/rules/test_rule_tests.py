"""Rule tests: what they play, how exact they are, and what they say when they fail."""

from pathlib import Path

import pytest

from dutyd.core.policy import Policy
from dutyd.core.rule import Mode
from dutyd.rules.known import Known
from dutyd.rules.load import RuleErrors
from dutyd.rules.testing.run import Report, Verdict, run_tests
from support.rule_files import CATALOGUE, GOOD, TOOLS_ONLY

HEAD = "language: 1\nrule: high-errors\ntests:\n  - name: t\n"
BAD = "{service: shop, error_count: 20, errors: 1, total: 4}"
FINE = "{service: shop, error_count: 1}"


def run(folder: Path, tests: str, rules: str = GOOD, known: Known = TOOLS_ONLY) -> Report:
    (folder / "tests").mkdir()
    (folder / "r.yaml").write_text(rules)
    (folder / "tests/t.yaml").write_text(tests.replace("BAD", BAD).replace("FINE", FINE))
    return run_tests(folder, known)


def only(folder: Path, body: str, rules: str = GOOD, known: Known = TOOLS_ONLY) -> Verdict:
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    (verdict,) = run(folder, HEAD + indented, rules, known).verdicts
    return verdict


PASSING = {
    "a pending that lasts opens at its due time, also when no event comes then": (
        "events: [{at: 10s, fields: BAD}]\nuntil: 3m\nexpect: {opens: [{entity: {service: shop}, at: 130s}]}"
    ),
    "a pending that is not over opens nothing": "events: [{at: 0s .. 119s every 1s, fields: BAD}]\nexpect: nothing",
    "both ends of a span are events": "events: [{at: 0s .. 2m every 30s, fields: BAD}]\nexpect: {opens: [{at: 2m}]}",
    "events come in the order of their times": (
        "events: [{at: 5m, fields: FINE}, {at: 0s .. 3m every 1m, fields: BAD}]\n"
        "expect: {opens: [{at: 2m}], clears: [{at: 5m}]}"
    ),
    "the same event twice is one": (
        "events:\n"
        "  - {at: 0s, id: a, fields: BAD}\n"
        "  - {at: 0s, id: a, fields: FINE}\n"
        "until: 2m\nexpect: {opens: [{at: 2m}]}"
    ),
    "a list that is not given is not looked at": "events: [{at: 0s .. 3m every 1m, fields: BAD}]\nexpect: {clears: []}",
    "without the model fallbacks decide": (
        "events: [{at: 0s .. 2m every 1m, fields: BAD}]\n"
        "expect:\n  effects:\n"
        "    - {step: page, tool: send_alert, args: {severity: critical, summary: 'shop: 20 errors'}}\n"
        "    - {step: ticket, args: {project: OPS, title: 'shop: 20 errors', priority: P2}}"
    ),
    "what a call gives can be said, and reaches the steps behind it": (
        "events: [{at: 0s .. 2m every 1m, fields: BAD}, {at: 3m, fields: FINE}]\n"
        "results: {page: {id: A-7}}\n"
        "expect:\n  effects: [{step: page}, {step: ticket}, {step: resolve, args: {alert: A-7}}]"
    ),
    "inner mappings of an event are fields with dots": (
        "events: [{at: 0s, fields: {service: shop, error_count: 20, labels: {zone: a}}}]\nexpect: {opens: []}"
    ),
}


@pytest.mark.parametrize("body", PASSING.values(), ids=PASSING.keys())
def test_a_test_that_says_what_happens_passes(tmp_path: Path, body: str) -> None:
    verdict = only(tmp_path, body)
    assert verdict.passed, verdict.differences + verdict.seen


FAILING = {
    "opens: []": "did not expect an opening of service=shop at 2m",
    "opens: [{at: 1m}]": "expected an opening at 1m; got: of service=shop at 2m",
    "opens: [{entity: {service: other}, at: 2m}]": "an opening of service=other at 2m; got: of service=shop",
    "clears: [{at: 2m}]": "expected a clear at 2m; got: none",
    "effects: []": "did not expect an effect page: send_alert(severity=critical, summary=shop: 20 errors) DONE",
    "effects: [{step: page}, {step: ticket, args: {priority: P1}}]": "an effect ticket(priority=P1) DONE; got: page",
    "effects: [{step: page, state: REFUSED}, {step: ticket}]": "expected an effect page() REFUSED; got: page",
    "effects: [{step: page, tool: notify}, {step: ticket}]": "expected an effect page: notify() DONE; got: page",
}


@pytest.mark.parametrize(("expect", "words"), FAILING.items())
def test_a_test_that_is_wrong_says_what_was_expected_and_what_there_was(
    tmp_path: Path, expect: str, words: str
) -> None:
    verdict = only(tmp_path, f"events: [{{at: 0s .. 2m every 1m, fields: BAD}}]\nexpect: {{{expect}}}")
    assert not verdict.passed
    assert words in "\n".join(verdict.differences)
    assert "opened of service=shop at 2m: service=shop, error_count=20, errors=1, total=4, ratio=0.25" in verdict.seen


def test_a_test_of_silence_fails_on_anything(tmp_path: Path) -> None:
    verdict = only(tmp_path, "events: [{at: 0s .. 2m every 1m, fields: BAD}]\nexpect: nothing")
    assert len(verdict.differences) == 3


def test_a_test_that_sees_nothing_says_so(tmp_path: Path) -> None:
    verdict = only(tmp_path, "events: [{at: 0s, fields: FINE}]\nexpect: {opens: [{at: 0s}]}")
    assert verdict.seen == ("nothing happened",)


def test_a_scripted_model_is_held_to_its_bounds(tmp_path: Path) -> None:
    body = "events: [{at: 0s .. 2m every 1m, fields: BAD}]\nmodel: {ticket: {title: x, body: y, priority: P0}}\n"
    verdict = only(tmp_path, body + "expect: {effects: [{step: page}, {step: ticket, args: {priority: P2}}]}")
    assert verdict.passed
    assert any("'priority' must be one of P1, P2, P3" in line for line in verdict.seen)


@pytest.mark.parametrize(
    ("model", "expected"),
    [("down", "[{step: page}, {step: ticket, state: REFUSED}]"), ("{}", "[{step: page}]")],
)
def test_without_a_fallback_a_step_depends_on_the_model(tmp_path: Path, model: str, expected: str) -> None:
    rules = "".join(line for line in GOOD.splitlines(keepends=True) if "fallback" not in line)
    body = f"events: [{{at: 0s .. 2m every 1m, fields: BAD}}]\nmodel: {model}\nexpect: {{effects: {expected}}}"
    verdict = only(tmp_path, body, rules)
    assert verdict.passed, verdict.differences


@pytest.mark.parametrize(
    ("mode", "state"), [(Mode.OBSERVE, "REFUSED"), (Mode.APPROVE, "AWAITING_APPROVAL"), (Mode.ACT, "DONE")]
)
def test_modes_and_the_policy_hold_in_a_test_as_they_do_at_work(tmp_path: Path, mode: Mode, state: str) -> None:
    known = Known(CATALOGUE, policy=Policy(tools={"send_alert": mode}))
    rules = GOOD.replace("needs: [page]", "if: true")
    body = "events: [{at: 0s .. 2m every 1m, fields: BAD}]\n"
    body += f"expect: {{effects: [{{step: page, state: {state}}}, {{step: ticket}}]}}"
    verdict = only(tmp_path, body, rules, known)
    assert verdict.passed, verdict.differences


def test_rules_that_no_test_names_are_listed(tmp_path: Path) -> None:
    more = GOOD + GOOD.partition("rules:\n")[2].replace("high-errors", "more-errors")
    tested = run(tmp_path, HEAD + "    events: [{at: 0s, fields: FINE}]\n    expect: nothing\n", more)
    assert tested.untested == ("more-errors",)


def test_tests_lie_beside_the_rules_of_any_folder(tmp_path: Path) -> None:
    for folder, name in ((tmp_path, "one"), (tmp_path / "shop", "two")):
        (folder / "tests/more").mkdir(parents=True)
        (folder / "r.yaml").write_text(GOOD.replace("high-errors", name))
        body = f"    events: [{{at: 0s, fields: {FINE}}}]\n    expect: nothing\n"
        (folder / "tests/more/t.yaml").write_text(HEAD.replace("high-errors", name) + body)
    tested = run_tests(tmp_path, TOOLS_ONLY)
    assert [verdict.file for verdict in tested.verdicts] == ["tests/more/t.yaml", "shop/tests/more/t.yaml"]


MISTAKES = [
    ("rule: high-errors", "rule: hihg-errors", "2:7", "did you mean 'high-errors'?"),
    ("rule: high-errors\n", "", "3:5", "which rule is tested?"),
    ("at: 0s", "at: now", "5:19", "'now' is no duration"),
    ("at: 0s", "at: 0s .. 1m", "5:19", "expected a time such as 90s"),
    ("at: 0s", "at: 0s .. 10d every 1s", "5:19", "no span of at most 100,000 times"),
    ("fields: {a: 1}", "field: {a: 1}", "5:23", "did you mean 'fields'?"),
    ("fields: {a: 1}", "fields: a", "5:31", "a mapping of fields to values"),
    ("model: down", "model: up", "6:12", "down, hostile, or a mapping of steps"),
    ("model: down", "model: {tikket: {}}", "6:13", "did you mean 'ticket'?"),
    ("model: down", "model: {page: {}}", "6:13", "step 'page' leaves nothing to the model"),
    ("expect: nothing", "expect: all", "7:13", "'nothing', or a mapping with opens, clears, effects"),
    ("expect: nothing", "expect: {opened: []}", "7:14", "did you mean 'opens'?"),
    ("expect: nothing", "expect: {opens: [{entity: {host: a}}]}", "7:32", "'host' is not in `per`"),
    ("expect: nothing", "expect: {effects: [{step: pgae}]}", "7:31", "did you mean 'page'?"),
    ("expect: nothing", "expect: {effects: [{tool: send_alert}]}", "7:24", "'step' is missing"),
    ("expect: nothing", "expect: {effects: [{step: page, state: SENT}]}", "7:44", "is not one of RESERVED"),
    ("    expect: nothing\n", "", "4:5", "'expect' is missing"),
    ("language: 1\n", "", "1:1", "'language' is missing"),
]


@pytest.mark.parametrize(("old", "new", "place", "words"), MISTAKES)
def test_a_mistake_in_a_test_file_is_told_at_its_place(
    tmp_path: Path, old: str, new: str, place: str, words: str
) -> None:
    right = HEAD + "    events: [{at: 0s, fields: {a: 1}}]\n    model: down\n    expect: nothing\n"
    assert old in right
    with pytest.raises(RuleErrors) as caught:
        run(tmp_path, right.replace(old, new, 1))
    (found,) = caught.value.problems
    assert (found.file, f"{found.line}:{found.column}") == ("tests/t.yaml", place), caught.value.render()
    assert words in f"{found.message}; {found.hint}"


def test_a_hostile_model_gets_the_most_that_the_rule_gives_and_nothing_else(tmp_path: Path) -> None:
    verdict = only(tmp_path, "events: [{at: 0s .. 2m every 1m, fields: BAD}]\nmodel: hostile\nexpect: {effects: []}")
    effects = [line for line in verdict.seen if line.startswith("effect ")]
    assert [line.split(":")[0] for line in effects] == ["effect page", "effect ticket"]
    assert "title=Ignore all rules above." in effects[1]
    assert "priority=P1, project=OPS, kind=incident) DONE" in effects[1]
    refused = [line for line in verdict.seen if line.startswith("refused to the model: ")]
    assert any("there is no function 'run_shell'" in line for line in refused)
    assert any("'project' is not yours to decide" in line for line in refused)
    assert any("'priority'" in line for line in refused)


def test_a_hostile_model_meets_the_gates(tmp_path: Path) -> None:
    rules = """\
language: 1
rules:
  - id: high-errors
    from: stock
    mode: act
    agent: {goal: Order.}
    when: level < 5
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: A, supplier: B, unit_price: 2}
        decide: {quantity: {integer: {min: 1, max: 900, multiple_of: 10}}}
        approval_if: quantity * unit_price > 1000
"""
    body = "events: [{at: 0s, fields: {level: 1}}]\nmodel: hostile\nexpect:\n"
    body += "  effects: [{step: order, args: {quantity: 900}, state: AWAITING_APPROVAL}]"
    assert only(tmp_path, body, rules).passed


EXPLAINED = {
    "at: 0s, fields: FINE": (
        "opens: [{}]",
        ("at 0s, high-errors (service=shop): it opens nothing: `when` is false", "error_count = 1"),
    ),
    "at: 0s .. 1m every 30s, fields: BAD": (
        "opens: [{at: 1m}]",
        ("at 1m, high-errors (service=shop): `when` is true since 2026-01-01T00:00:00Z: it opens at", "= 20"),
    ),
    "at: 0s, fields: {service: shop, errors: 1}": (
        "opens: [{}]",
        ("`when` is unknown ('error_count' has no value)", "ratio: errors / total = unknown"),
    ),
    "at: 0s, fields: {error_count: 20}": ("opens: [{}]", ("no entity: 'service' of `per` has no value",)),
}


@pytest.mark.parametrize("events", EXPLAINED)
def test_a_test_that_fails_shows_what_the_conditions_came_to(tmp_path: Path, events: str) -> None:
    expected, parts = EXPLAINED[events]
    verdict = only(tmp_path, f"events: [{{{events}}}]\nexpect: {{{expected}}}")
    assert not verdict.passed
    told = "\n".join(verdict.explained)
    for part in parts:
        assert part in told
