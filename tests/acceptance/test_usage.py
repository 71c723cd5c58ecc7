"""Wrong usage, settings and input: one message on standard error, no traceback, exit code 3."""

from pathlib import Path

from support.program import dutyd


def write(folder: Path, settings: str) -> None:
    (folder / "dutyd.yaml").write_text(settings)


def test_wrong_usage_says_what_is_wrong_and_where_help_is(tmp_path: Path) -> None:
    done = dutyd("rn", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "dutyd: No such command 'rn'. Did you mean 'run'?\n"
        "  Usage: dutyd [OPTIONS] COMMAND [ARGS]...\n"
        "  Help: dutyd --help\n"
    )


def test_without_settings_it_says_how_to_name_them(tmp_path: Path) -> None:
    done = dutyd("doctor", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr == (
        "dutyd: there is no dutyd.yaml here: name the settings with --settings FILE, or in DUTYD_SETTINGS\n"
    )


def test_wrong_settings_are_told_all_at_once(tmp_path: Path) -> None:
    write(tmp_path, "strem: kafka://x\nhttp: {port: no}\n")
    done = dutyd("doctor", cwd=tmp_path, variables={"DUTYD_CURENCY": "EUR"})
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "dutyd: the settings can't be used (3 problems):\n"
        "  variable DUTYD_CURENCY: there is no setting 'curency'; did you mean 'currency'?\n"
        "  dutyd.yaml:1:1: strem: there is no setting 'strem'; did you mean 'stream'?\n"
        "  dutyd.yaml:2:8: http.port: must be a whole number, not 'no'\n"
    )


def test_settings_can_be_named_by_a_variable(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("currency: euro\n")
    done = dutyd("doctor", cwd=tmp_path, variables={"DUTYD_SETTINGS": "mine.yaml"})
    assert "mine.yaml:1:1: currency: must be a code of three capital letters" in done.stderr


def test_an_unknown_topic_is_told_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "topics: {metrics: {}, stock: {}}\n")
    (tmp_path / "events.jsonl").write_text("{}\n")
    done = dutyd("publish", "--topic", "metrisc", "events.jsonl", cwd=tmp_path)
    assert done.returncode == 3
    assert "the settings have no topic 'metrisc'; did you mean 'metrics'? (they have metrics, stock)" in done.stderr


def test_a_server_that_is_away_is_one_message(tmp_path: Path) -> None:
    write(tmp_path, "redis: redis://127.0.0.1:1\n")
    done = dutyd("incidents", "list", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("dutyd: the ledger's Redis does not answer: ")
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback_wherever_it_stands(tmp_path: Path) -> None:
    done = dutyd("doctor", "--debug", cwd=tmp_path)
    assert done.returncode == 3
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("dutyd: there is no dutyd.yaml here")
