"""Commands that look and decide, on an installation where nothing has happened yet; no daemon runs."""

import json
from pathlib import Path

import pytest

from dutyd.cli.places import ask_ledger
from dutyd.rules.load import digest_of
from support.program import Program

SETTINGS = """\
installation: {unique}
redis: {redis}
topics: {{metrics: {{topic: {unique}, partitioned_by: [service]}}}}
"""
RULE = """\
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: n > 1
    steps:
      page: {tool: send_alert, with: {severity: info, summary: x}}
"""
EVENTS = '{"service": "a", "n": 1}\n{"service": "b", "n": 2}\n{"n": 3}\n'


@pytest.fixture
def dutyd(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    valkey_url: str,
    unique: str,
) -> Program:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(RULE)
    (tmp_path / "dutyd.yaml").write_text(SETTINGS.format(unique=unique, redis=valkey_url))
    (tmp_path / "events.jsonl").write_text(EVENTS)
    return Program(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize(
    ("group", "sentence"),
    [
        ("incidents", "No incidents.\n"),
        ("effects", "No effects.\n"),
        ("approvals", "Nothing waits for approval.\n"),
    ],
)
def test_nothing_is_a_sentence_or_an_empty_list(dutyd: Program, group: str, sentence: str) -> None:
    assert dutyd(group, "list") == (0, sentence, "")
    code, out, err = dutyd(group, "list", "--json")
    assert (code, json.loads(out), err) == (0, [], "")


def test_what_is_not_there_is_said(dutyd: Program) -> None:
    code, out, err = dutyd("incidents", "show", "abc")
    assert (code, out) == (3, "")
    assert err == "dutyd: there is no incident 'abc': `dutyd incidents list` shows all\n"
    code, out, err = dutyd("approvals", "approve", "abc", "--as", "ana")
    assert (code, out) == (3, "")
    assert err == "dutyd: no call 'abc' waits for approval: `dutyd approvals list` shows those that do\n"


def test_a_server_that_is_away_is_one_message(dutyd: Program) -> None:
    (dutyd.folder / "dutyd.yaml").write_text("redis: redis://127.0.0.1:1\n")
    code, out, err = dutyd("incidents", "list")
    assert (code, out) == (1, "")
    assert err.startswith("dutyd: Redis")
    assert "127.0.0.1:1" in err
    assert err.count("\n") == 1


def test_publishing_tells_what_went_where(dutyd: Program, unique: str) -> None:
    assert dutyd("publish", "--topic", "metrics", "events.jsonl").out == (
        f"Published 3 records to '{unique}', created with 1 partition; "
        "1 of them without service: rules over these fields won't see them.\n"
    )
    again = json.loads(dutyd("publish", "events.jsonl", "--json").out)
    assert again == {"topic": unique, "created": False, "records": 3, "without_key": 1, "bad": []}


def test_a_bad_line_is_named_and_sent_as_it_is(dutyd: Program) -> None:
    (dutyd.folder / "bad.jsonl").write_text('{"n": 1}\n{"n": \n{"n": 2}\n')
    code, out, err = dutyd("publish", "bad.jsonl")
    assert (code, out[:19]) == (0, "Published 3 records")
    assert err.startswith("dutyd: bad.jsonl:2: not JSON")
    assert "it will be a dead letter" in err


def test_standard_input_is_published_line_by_line(dutyd: Program) -> None:
    code, out, _ = dutyd("publish", "-", "--json", stdin='{"n": 1}\noops\n{"n": 2}\n')
    told = json.loads(out)
    assert (code, told["records"], [bad["line"] for bad in told["bad"]]) == (0, 3, [2])


def test_an_unknown_topic_is_told_with_the_nearest(dutyd: Program) -> None:
    code, _, err = dutyd("publish", "--topic", "metrisc", "events.jsonl")
    assert code == 3
    assert err == "dutyd: the settings have no topic 'metrisc'; did you mean 'metrics'? (they have metrics)\n"


def test_with_several_topics_one_must_be_named(dutyd: Program) -> None:
    (dutyd.folder / "dutyd.yaml").write_text("topics: {metrics: {}, stock: {}}\n")
    code, _, err = dutyd("publish", "events.jsonl")
    assert (code, err) == (3, "dutyd: --topic ALIAS is needed: the settings have metrics, stock\n")


def test_a_pause_is_told_by_the_doctor_until_it_ends(dutyd: Program) -> None:
    code, out, err = dutyd("pause", "--as", "ana", "--rule", "errors", "--why", "test")
    assert (code, err) == (0, "")
    assert out.startswith("paused rule 'errors'")
    assert "dutyd resume --rule errors --as NAME" in dutyd("doctor").out
    assert dutyd("resume", "--as", "ana", "--rule", "errors").code == 0
    assert "resume" not in dutyd("doctor").out


def test_a_pause_and_a_silence_of_what_is_not_there_say_so_and_what_stays_paused_is_named(dutyd: Program) -> None:
    files = {"a.yaml": RULE}
    ask_ledger(dutyd.folder / "dutyd.yaml", lambda ledger: ledger.rule_sets.store(digest_of(files), files))
    pause, silence = ("pause", "--as", "ana"), ("silences", "add", "--for", "1h", "--as", "ana", "--because", "x")
    code, out, err = dutyd(*pause, "--rule", "erors")
    assert code == 0
    assert out.startswith("paused rule 'erors'")
    assert err == "dutyd: this holds nothing back now: no rule 'erors' is in force; did you mean 'errors'?\n"
    assert "there is no tool 'send_alrt'; did you mean 'send_alert'?" in dutyd(*pause, "--tool", "send_alrt").err
    assert "this mutes nothing now: no rule 'erors'" in dutyd(*silence, "--rule", "erors").err
    for right in ((*pause, "--rule", "errors"), (*pause, "--tool", "send_alert"), (*silence, "--rule", "errors")):
        assert not dutyd(*right).err
    left = "still paused: rule 'erors', rule 'errors', tool 'send_alert', tool 'send_alrt'\n"
    assert dutyd("resume", "--as", "ana").out.endswith(left)
