"""``dutyd why`` and ``dutyd rules plan`` on an installation that has run: what happened, and why nothing did."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon import Installation, installation
from support.program import Program

RULES = """\
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    clear: error_count <= 5
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}}
  - id: slow
    from: metrics
    per: [service]
    when: response_time > 300
    for: 5m
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}}
"""
EVENTS = """\
{"id": "1", "time": "2026-01-31T02:00:00Z", "service": "checkout", "error_count": 3, "response_time": 400}
{"id": "2", "time": "2026-01-31T02:01:00Z", "service": "checkout", "error_count": 14, "response_time": 400}
{"id": "3", "time": "2026-01-31T02:02:00Z", "service": "search", "error_count": 2}
oops
{"id": "4", "time": "2026-01-31T02:09:00Z", "service": "checkout", "error_count": 7, "response_time": 100}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[Installation]:
    """An installation whose daemon has done all there was to do."""
    folder = tmp_path_factory.mktemp("why")
    topics = {"metrics": {"partitioned_by": ["service"]}}
    (folder / "events.jsonl").write_text(EVENTS)
    with installation(folder, folder.name, RULES, topics=topics, redis=valkey_url) as made:
        made.publish("metrics", folder / "events.jsonl")
        made.run_until_idle("1s")
        yield made


@pytest.fixture
def dutyd(ran: Installation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(ran.settings.parent, capsys, monkeypatch)


def test_the_path_goes_from_the_offset_to_what_the_tool_gave(dutyd: Program) -> None:
    code, out, _ = dutyd("why", "--per", "service=checkout", "--at", "2026-01-31T02:10:00Z")
    assert code == 0
    for line in (
        "service=checkout up to 2026-01-31T02:10:00Z",
        "read      4 events of topic 'metrics', 1 record held none",
        "id 4, 2026-01-31T02:09:00Z, source metrics: decided, 2 events before it",
        "rule      errors (service=checkout): the incident of 2026-01-31T02:01:00Z stays open: `clear` is false",
        "            clear: error_count <= 5 = false\n              error_count = 7",
        "rule      slow (service=checkout): it clears the incident",
        "errors (service=checkout): opened 2026-01-31T02:01:00Z by offset ",
        "effect    page: send_alert DONE -> A-",
        "slow (service=checkout): opened 2026-01-31T02:05:00Z by offset ",
    ):
        assert line in out, out


def test_why_nothing_happened_is_told_by_the_conditions(dutyd: Program) -> None:
    code, out, _ = dutyd("why", "--per", "service=search", "--at", "2026-01-31T02:10:00Z")
    assert code == 0
    assert "errors (service=search): it opens nothing: `when` is false" in out
    assert "slow (service=search): it opens nothing: `when` is unknown ('response_time' has no value)" in out
    assert out.endswith("incident  none\n")


def test_an_event_is_looked_at_by_its_id_as_things_stood_then(dutyd: Program) -> None:
    code, out, _ = dutyd("why", "--event", "2", "--rule", "slow")
    assert code == 0
    assert "slow (service=checkout): `when` is true since 2026-01-31T02:00:00Z: it opens at 2026-01-31T02:05:00Z" in out
    assert "rule      errors" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--per", "service=nope"), "event     none: no event of it was published up to then"),
        (("--per", "service=checkout", "--at", "2026-01-31T01:00:00Z"), "event     none"),
        (("--event", "nope"), "event     none"),
        (("--per", "service=search", "--at", "2099-01-01T00:00:00Z"), "read      0 events of topic 'metrics'"),
        (
            ("--per", "service=search", "--at", "2099-01-01T00:00:00Z"),
            "in seven days: --since TIME reads farther back",
        ),
        (("--per", "host=a"), "read      nothing: no rule in force keeps its incidents by these fields"),
    ],
)
def test_where_nothing_is_found_that_is_said_and_a_finding(
    dutyd: Program, arguments: tuple[str, ...], said: str
) -> None:
    code, out, _ = dutyd("why", *arguments)
    assert code == 1
    assert said in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say either --per FIELD=VALUE or --event ID"),
        (("--per", "service"), "--per service: write FIELD=VALUE"),
        (("--per", "service=a", "--at", "25:99"), "--at: '25:99' is no time: write 02:10"),
        (("--per", "service=a", "--at", "soon, I hope"), "is no time"),
    ],
)
def test_a_question_that_can_t_be_asked_says_how(dutyd: Program, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = dutyd("why", *arguments)
    assert code == 3
    assert said in err


def test_what_was_published_before_since_is_not_read(dutyd: Program) -> None:
    code, out, _ = dutyd("why", "--per", "service=checkout", "--since", "2100-01-01T00:00:00Z")
    assert "read      0 events of topic 'metrics'" in out
    assert code == 0, "the ledger knows of it all the same"


def test_programs_get_the_whole_answer(dutyd: Program) -> None:
    told = json.loads(dutyd("why", "--per", "service=checkout", "--json").out)
    assert told["read"] == [{"topic": "metrics", "events": 4, "unread": 1}]
    (seen,) = told["seen"]
    assert seen["event"]["fields"]["error_count"] == 7
    assert seen["decided"] is True
    assert {row["rule"] for row in told["incidents"]} == {"errors", "slow"}


def test_a_plan_is_held_against_what_is_in_force(dutyd: Program, tmp_path: Path) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(RULES.replace("clear: error_count <= 5", "clear: error_count <= 20").replace("id: slow", "id: late"))
    code, out, _ = dutyd("rules", "plan", str(new), "--json")
    told = [(row["what"], row["rule"], row["entity"], row["because"]) for row in json.loads(out)]
    assert code == 0
    assert told == [
        ("changed", "errors", None, "clear"),
        ("gone", "slow", None, ""),
        ("new", "late", None, ""),
        ("stay", "errors", ["checkout"], "an event like that of its opening would clear it"),
    ]
    assert "Nothing opens by an edit." in dutyd("rules", "plan", str(new)).out
