"""Silences from the command line: made, listed beside those of the rule files, ended, and refused in plain words."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dutyd.cli.places import ask_ledger
from support.program import Program

RULES = """\
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}}
silences:
  - id: nights
    rule: errors
    match: {service: checkout}
    at: "0 22 * * *"
    lasts: 8h
    because: copies
"""


@pytest.fixture
def program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, valkey_url: str, unique: str
) -> Program:
    (tmp_path / "dutyd.yaml").write_text(f"installation: {unique}\nredis: {valkey_url}\n")
    return Program(tmp_path, capsys, monkeypatch)


def put_in_force(program: Program, rules: str) -> None:
    """Store *rules*, as a daemon does that starts with them."""
    ask_ledger(program.folder / "dutyd.yaml", lambda ledger: ledger.rule_sets.store("some", {"ops.yaml": rules}))


def test_a_silence_is_made_listed_and_ended(program: Program) -> None:
    as_ana = ("--as", "ana", "--because", "new disks")
    said = program("silences", "add", "--for", "2h", "--rule", "errors", "--match", "service=checkout", *as_ana)
    assert (said.code, said.err) == (0, "")
    (row,) = json.loads(program("silences", "list", "--json").out)
    assert (row["rule"], row["match"], row["who"], row["because"]) == (
        "errors",
        {"service": "checkout"},
        "ana",
        "new disks",
    )
    assert said.out == f"silence {row['id']} until {row['ends']}; end it with `dutyd silences end {row['id']}`\n"
    assert program("silences", "end", row["id"], *as_ana).out == f"silence {row['id']} ended: 0 incidents woken\n"
    assert program("silences", "list").out == "No silences.\n"


def test_a_silence_may_begin_later(program: Program) -> None:
    as_ana = ("--as", "ana", "--because", "the move")
    said = program("silences", "add", "--from", "2100-03-02T22:00:00Z", "--for", "90m", *as_ana)
    (row,) = json.loads(program("silences", "list", "--json").out)
    assert (row["begins"], row["ends"]) == ("2100-03-02T22:00:00Z", "2100-03-02T23:30:00Z")
    assert said.out.startswith(f"silence {row['id']} from {row['begins']} until {row['ends']}; ")
    program("silences", "add", "--from", "1d", "--for", "2h", *as_ana)
    first, _ = json.loads(program("silences", "list", "--json").out)
    begins, ends = (datetime.fromisoformat(first[name]) for name in ("begins", "ends"))
    assert ends - begins == timedelta(hours=2)
    assert timedelta(hours=23) < begins - datetime.now(UTC) <= timedelta(days=1)  # noqa: TID251  # the program's clock


def test_silences_of_the_rule_files_are_listed_with_their_place_and_end_only_there(program: Program) -> None:
    put_in_force(program, RULES)
    (row,) = json.loads(program("silences", "list", "--json").out)
    assert (row["id"], row["rule"], row["match"], row["who"]) == ("nights", "errors", {"service": "checkout"}, "")
    assert (row["again"], row["written"], row["because"]) == ("0 22 * * * UTC", "ops.yaml:10", "copies")
    begins, ends = (datetime.fromisoformat(row[name]) for name in ("begins", "ends"))
    assert (begins.hour, ends - begins) == (22, timedelta(hours=8))
    assert "ops.yaml:10" in program("silences", "list").out
    code, _, err = program("silences", "end", "nights", "--as", "ana", "--because", "x")
    assert (code, "silence 'nights' is one of the rule files: take it out of ops.yaml:10" in err) == (3, True)


def test_rules_that_this_version_cannot_read_hide_no_silence(program: Program) -> None:
    put_in_force(program, "language: 2\n")
    program("silences", "add", "--for", "2h", "--as", "ana", "--because", "x")
    code, out, err = program("silences", "list", "--json")
    assert (code, [row["because"] for row in json.loads(out)]) == (0, ["x"])
    assert "silences of the rule files are not looked at: this dutyd can't read the rules in force" in err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("end", "zzz"), "there is no silence 'zzz': `dutyd silences list` shows all"),
        (("add", "--for", "2 hours"), "--for: '2 hours' is no duration: write a number with its unit"),
        (("add", "--for", "0s"), "--for: a silence of 0s mutes nothing"),
        (("add", "--for", "9999999d"), "--for: it would end after the year 9999"),
        (("add", "--for", "2h", "--from", "soon"), "--from: 'soon' is no time: write in how long (2h) or when (2026-"),
        (
            ("add", "--for", "2h", "--from", "2026-01-01"),
            "--from: it would be over already, since 2026-01-01T02:00:00Z",
        ),
        (("add", "--for", "2h", "--match", "service"), "--match service: write FIELD=VALUE"),
    ],
)
def test_what_is_wrong_is_said(program: Program, command: tuple[str, ...], words: str) -> None:
    code, out, err = program("silences", *command, "--as", "ana", "--because", "x")
    assert (code, out) == (3, "")
    assert words in err
