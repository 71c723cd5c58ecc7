"""Silences from the command line: made, listed, ended, and refused in plain words."""

import json
from pathlib import Path

import pytest

from support.program import Program


@pytest.fixture
def program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, valkey_url: str, unique: str
) -> Program:
    (tmp_path / "dutyd.yaml").write_text(f"installation: {unique}\nredis: {valkey_url}\n")
    return Program(tmp_path, capsys, monkeypatch)


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


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("end", "zzz"), "there is no silence 'zzz': `dutyd silences list` shows all"),
        (("add", "--for", "2 hours"), "--for: '2 hours' is no duration: write a number with its unit"),
        (("add", "--for", "2h", "--match", "service"), "--match service: write FIELD=VALUE"),
    ],
)
def test_what_is_wrong_is_said(program: Program, command: tuple[str, ...], words: str) -> None:
    code, out, err = program("silences", *command, "--as", "ana", "--because", "x")
    assert (code, out) == (3, "")
    assert words in err
