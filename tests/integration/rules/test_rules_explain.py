"""What ``dutyd rules explain`` says of an event, and of what happened before it."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.program import Program

RULES = """\
language: 1
rules:
  - id: errors
    from: metrics
    where: env == "prod"
    per: [service]
    let: {ratio: errors / total}
    when: ratio > 0.1 && count(5m) > 1
    for: 2m
    clear: ratio < 0.05
    steps: {page: {tool: send_alert, with: {severity: info, summary: x}}}
  - id: nightly
    schedule: "0 6 * * *"
    steps: {page: {tool: send_alert, with: {severity: info, summary: x}}}
"""


@pytest.fixture
def dutyd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(RULES)
    return Program(tmp_path, capsys, monkeypatch)


def event(minute: int, **fields: Any) -> dict[str, Any]:
    usual = {"time": f"2026-01-31T09:{minute:02}:00Z", "env": "prod", "service": "shop", "errors": 3, "total": 10}
    return {**usual, **fields}


def explain(dutyd: Program, *events: dict[str, Any]) -> list[str]:
    (dutyd.folder / "event.json").write_text(json.dumps(events))
    code, out, err = dutyd("rules", "explain", "event.json")
    assert (code, err) == (0, "")
    return out.splitlines()


def test_every_part_of_the_conditions_stands_with_its_value(dutyd: Program) -> None:
    assert explain(dutyd, event(0), event(1)) == [
        "errors (service=shop): `when` is true since 2026-01-31T09:01:00Z: it opens at 2026-01-31T09:03:00Z, after 2m",
        '  where: env == "prod" = true',
        '    env = "prod"',
        "  let ratio: errors / total = 0.3",
        "    errors = 3",
        "    total = 10",
        "  when: ratio > 0.1 && count(5m) > 1 = true",
        "    ratio > 0.1 = true",
        "      ratio = 0.3",
        "    count(5m) > 1 = true",
        "      count(5m) = 2",
        "  clear: ratio < 0.05 = false",
        "    ratio = 0.3",
    ]


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        ([event(0)], "it opens nothing: `when` is false"),
        ([event(0, env="dev")], "it does not see this event: `where` is false"),
        ([event(0, env=None)], "it does not see this event: `where` is unknown ('env' has no value)"),
        ([event(0), event(1, total=0)], "it opens nothing: `when` is unknown ('/' by zero)"),
        ([event(0), event(1), event(9)], "the incident of 2026-01-31T09:03:00Z stays open: `clear` is false"),
        ([event(0), event(1), event(3, errors=0)], "it opens nothing: `when` is false"),
        ([event(0), event(1), event(4, errors=0)], "it clears the incident"),
        ([event(5), event(1)], "it is older than the newest event of its entity: it moves nothing"),
        ([event(0, id="x"), event(0, id="x")], "an event with this source, id and time was read before: it is dropped"),
    ],
)
def test_the_verdict_says_what_the_event_makes_of_the_incident(
    dutyd: Program, events: list[dict[str, Any]], verdict: str
) -> None:
    assert explain(dutyd, *events)[0] == f"errors (service=shop): {verdict}"


def test_without_an_entity_nothing_is_judged(dutyd: Program) -> None:
    assert explain(dutyd, event(0, service=1.5)) == [
        "errors: no entity: 'service' of `per` can't name an entity: expected a text, a bool or a whole number"
    ]


def test_programs_get_the_tree(dutyd: Program) -> None:
    (dutyd.folder / "event.json").write_text(json.dumps(event(0)))
    (told,) = json.loads(dutyd("rules", "explain", "event.json", "--rule", "errors", "--json").out)
    assert (told["rule"], told["entity"]) == ("errors", {"service": "shop"})
    assert told["parts"]["when"]["value"] is False
    assert [part["text"] for part in told["parts"]["when"]["parts"]] == ["ratio > 0.1", "count(5m) > 1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rule", "eror"), "there is no rule 'eror'; did you mean 'errors'?"),
        (("--rule", "nightly"), "no rule judges events"),
        (("--topic", "stock"), "no rule judges events of 'stock'"),
        (("--rules", "nowhere"), "there is no such folder"),
        (("--topic", "metrics=other.json"), "leave event.json out, or write --topic ALIAS=event.json"),
        (("--topic", "metrics", "--topic", "stock"), "leave event.json out"),
    ],
)
def test_a_question_that_has_no_answer_says_why(dutyd: Program, arguments: tuple[str, ...], said: str) -> None:
    (dutyd.folder / "event.json").write_text(json.dumps(event(0)))
    code, _, err = dutyd("rules", "explain", "event.json", *arguments)
    assert code in (2, 3)
    assert said in err


DEPLOYS = """\
language: 1
rules:
  - id: after
    from: metrics
    per: [service]
    sequence: [{name: deploy, from: deploys}, {name: errors, where: errors > 2}]
    within: 10m
    steps: {page: {tool: send_alert, with: {severity: info, summary: x}}}
  - id: twice
    from: metrics
    per: [service]
    when: count(5m) > 1
    steps: {page: {tool: send_alert, with: {severity: info, summary: x}}}
"""


def test_a_rule_over_several_topics_is_asked_about_the_newest_event_of_all(dutyd: Program) -> None:
    (dutyd.folder / "rules" / "a.yaml").write_text(DEPLOYS)
    (dutyd.folder / "deploy.json").write_text(json.dumps(event(2)))
    (dutyd.folder / "errors.json").write_text(json.dumps([event(1), event(3)]))
    (dutyd.folder / "later.json").write_text(json.dumps(event(9)))
    deploy, errors = ("--topic", "deploys=deploy.json"), ("--topic", "metrics=errors.json")
    out = dutyd("rules", "explain", *deploy, *errors).out.splitlines()
    assert out[0] == "after (service=shop): it opens an incident: the sequence is whole"
    assert "twice (service=shop): it opens an incident" in out  # of the two of its own topic, not of all three
    assert len([line for line in out if not line.startswith(" ")]) == 2
    out = dutyd("rules", "explain", *errors, "--topic", "deploys=later.json").out.splitlines()
    assert out == ["after (service=shop): it is item 1 of 2, 'deploy': 'errors' must follow by 2026-01-31T09:19:00Z"]


@pytest.mark.parametrize("arguments", [(), ("--topic", "metrics"), ("--topic", "a=b.json", "--topic", "c")])
def test_without_a_file_for_each_topic_it_says_what_to_name(dutyd: Program, arguments: tuple[str, ...]) -> None:
    code, _, err = dutyd("rules", "explain", *arguments)
    assert code == 3
    assert "name a file with the event, or one for each topic: --topic ALIAS=FILE" in err


def test_lines_are_no_document_and_it_says_how_to_make_one(dutyd: Program) -> None:
    (dutyd.folder / "events.jsonl").write_text(2 * (json.dumps(event(0)) + "\n"))
    code, _, err = dutyd("rules", "explain", "events.jsonl")
    assert code == 3
    assert "with [ and ] around them, and commas between" in err
