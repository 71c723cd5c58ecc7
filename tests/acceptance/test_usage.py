"""The real program, started as users do: one message on standard error, no traceback, exit code 3."""

import subprocess
from pathlib import Path

from support.program import dutyd, environment


def test_wrong_usage_says_what_is_wrong_and_where_help_is(tmp_path: Path) -> None:
    done = dutyd("rn", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "dutyd: No such command 'rn'. Did you mean 'run'?\n"
        "  Usage: dutyd [OPTIONS] COMMAND [ARGS]...\n"
        "  Help: dutyd --help\n"
    )


def test_wrong_settings_are_told_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("strem: kafka://x\nhttp: {port: no}\n")
    done = dutyd("doctor", cwd=tmp_path, variables={"DUTYD_SETTINGS": "mine.yaml", "DUTYD_CURENCY": "EUR"})
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "dutyd: the settings can't be used (3 problems):\n"
        "  variable DUTYD_CURENCY: there is no setting 'curency'; did you mean 'currency'?\n"
        "  mine.yaml:1:1: strem: there is no setting 'strem'; did you mean 'stream'?\n"
        "  mine.yaml:2:8: http.port: must be a whole number, not 'no'\n"
    )


def test_without_redis_and_broker_everything_is_embedded(tmp_path: Path) -> None:
    (tmp_path / "dutyd.yaml").write_text("topics: {metrics: {}}\n")
    done = dutyd("effects", "list", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "No effects.\n", "")
    assert (tmp_path / ".dutyd").is_dir()


def test_a_reader_that_goes_away_hears_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "dutyd.yaml").write_text("")
    done = subprocess.run(
        ["bash", "-c", "dutyd run --help | true"], cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert done.stderr == b""


def test_state_is_moved_only_where_partitions_changed(tmp_path: Path) -> None:
    (tmp_path / "dutyd.yaml").write_text("topics: {metrics: {}}\n")
    done = dutyd("state", "repartition", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Nothing to do: every topic has the partitions that its state was made for.\n"
