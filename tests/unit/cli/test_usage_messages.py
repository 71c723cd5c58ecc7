"""Usage is checked before anything else happens: what is said, and the exit code."""

from pathlib import Path

import pytest

from support.program import Program


@pytest.fixture
def dutyd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rn"], "dutyd: No such command 'rn'. Did you mean 'run'?"),
        (["run", "--rol", "all"], "No such option: --rol (Possible options: --role)"),
        (["run", "--role", "boss"], "Invalid value for '--role'"),
        (
            ["run", "--until-idle", "3"],
            "'--until-idle': '3' is no duration: write a number with its unit (100ms, 10s, 5m, 1h, 7d)",
        ),
        (["publish"], "what is to be published? Name a FILE (- reads standard input), or --listen HOST:PORT"),
        (["publish", "--listen", "9095"], "--listen '9095' is not of the form HOST:PORT"),
        (["publish", "a.jsonl", "--listen", "127.0.0.1:0"], "--listen takes posts until it is stopped"),
        (["publish", "a.jsonl", "--token-file", "token"], "--token-file and --token-env belong to --listen"),
        (["pause"], "Missing option '--as'"),
        (["pause", "--as", "ana", "--rule", "r", "--tool", "t"], "--rule and --tool are two pauses"),
        (["incidents", "show"], "Missing argument 'ID'"),
        (["effects", "list", "--state", "odd"], "Invalid value for '--state'"),
        (["backoffice", "--port", "x"], "Invalid value for '--port'"),
    ],
)
def test_wrong_usage_is_one_message(dutyd: Program, arguments: list[str], message: str) -> None:
    code, out, err = dutyd(*arguments)
    assert (code, out) == (3, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("arguments", "command"), [([], "publish"), (["rules"], "check"), (["incidents"], "show")])
def test_a_bare_group_shows_its_commands(dutyd: Program, arguments: list[str], command: str) -> None:
    code, out, err = dutyd(*arguments)
    assert code == 3
    assert command in out + err


def test_help_is_no_mistake(dutyd: Program) -> None:
    code, out, err = dutyd("rules", "check", "--help")
    assert (code, err) == (0, "")
    assert "The folder of the rule files." in out


def test_the_version_is_printed(dutyd: Program) -> None:
    assert dutyd("--version") == (0, "dutyd 0.1.0\n", "")


def test_a_defect_says_that_it_is_one(dutyd: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise KeyError("odd")

    monkeypatch.setattr("dutyd.cli.program.program", broken)
    code, _, err = dutyd("run")
    assert code == 1
    assert err.startswith("dutyd: this should not happen: KeyError: 'odd'\n  It is a defect of dutyd.")


def test_debug_shows_where_a_defect_is(dutyd: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise KeyError("odd")

    monkeypatch.setattr("dutyd.cli.program.program", broken)
    code, _, err = dutyd("run", "--debug")
    assert code == 1
    assert "Traceback" in err
    assert "in broken" in err


def test_without_settings_it_says_how_to_name_them(dutyd: Program) -> None:
    message = "dutyd: there is no dutyd.yaml here: name the settings with --settings FILE, or in DUTYD_SETTINGS\n"
    assert dutyd("doctor") == (3, "", message)


def test_debug_shows_the_traceback_wherever_it_stands(dutyd: Program) -> None:
    code, _, err = dutyd("doctor", "--debug")
    assert code == 3
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("dutyd: there is no dutyd.yaml here")
