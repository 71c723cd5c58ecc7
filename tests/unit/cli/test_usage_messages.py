"""Usage is checked before anything else happens: what is said, and the exit code."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dutyd.cli import main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Call the program with arguments; return its exit code, what it printed, what it complained of."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dutyd", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0), *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rn"], "dutyd: No such command 'rn'. Did you mean 'run'?"),
        (["run", "--rol", "all"], "No such option: --rol (Possible options: --role)"),
        (["run", "--role", "boss"], "Invalid value for '--role'"),
        (["run", "--until-idle", "3"], "'3' is no duration: write a number with its unit (100ms, 10s, 5m, 1h, 7d)"),
        (["publish"], "Missing argument 'FILE'"),
        (["pause"], "Missing option '--as'"),
        (["pause", "--as", "ana", "--rule", "r", "--tool", "t"], "--rule and --tool are two pauses"),
        (["incidents", "show"], "Missing argument 'ID'"),
        (["effects", "list", "--state", "odd"], "Invalid value for '--state'"),
        (["backoffice", "--port", "x"], "Invalid value for '--port'"),
    ],
)
def test_wrong_usage_is_one_message(call: Call, arguments: list[str], message: str) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (3, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("arguments", "command"), [([], "publish"), (["rules"], "check"), (["incidents"], "show")])
def test_a_bare_group_shows_its_commands(call: Call, arguments: list[str], command: str) -> None:
    code, out, err = call(*arguments)
    assert code == 3
    assert command in out + err


def test_help_is_no_mistake(call: Call) -> None:
    code, out, err = call("rules", "check", "--help")
    assert (code, err) == (0, "")
    assert "The folder of the rule files." in out


def test_the_version_is_printed(call: Call) -> None:
    assert call("--version") == (0, "dutyd 0.1.0\n", "")


def test_a_defect_says_that_it_is_one(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise KeyError("odd")

    monkeypatch.setattr("dutyd.cli.program.program", broken)
    code, _, err = call("run")
    assert code == 1
    assert err.startswith("dutyd: this should not happen: KeyError: 'odd'\n  It is a defect of dutyd.")


def test_debug_shows_where_a_defect_is(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise KeyError("odd")

    monkeypatch.setattr("dutyd.cli.program.program", broken)
    code, _, err = call("run", "--debug")
    assert code == 1
    assert "Traceback" in err
    assert "in broken" in err
