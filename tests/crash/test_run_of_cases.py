"""What a run of ``make crash`` answers where it did not play its cases."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from support.broker import Broker
from support.crash import run as runs
from support.crash.run import Run, exit_code


@dataclass(frozen=True)
class Told:
    """A row."""

    case: str
    note: str = ""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the rows written to a folder of the test's own; programs (Java) are not found there, or anywhere."""
    monkeypatch.setattr(runs, "BENCH", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def _run() -> Run[str, Told]:
    def play(broker: Broker, valkey: str, case: str) -> list[Told]:
        raise AssertionError(f"{case} was played at {broker.address} and {valkey}")

    return Run("the matrix", ("claim -> work", "look-up -> request"), str, play, lambda _: False, 1, "rows.json")


@pytest.mark.parametrize(("environment", "code"), [("", 0), ("1", 1)])
def test_without_java_nothing_runs_which_fails_in_continuous_integration_alone(
    environment: str, code: int, bench: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", environment)
    assert exit_code(_run()) == code
    assert capsys.readouterr().out == "NOT RUN: the matrix needs a real Kafka broker (Java 17 and Maven)\n"
    assert list(bench.iterdir()) == []


@pytest.mark.parametrize(
    ("only", "told"),
    [("clam -> work", "; did you mean 'claim -> work'?"), ("xyz", " (its cases: claim -> work; look-up -> request)")],
)
def test_a_name_that_no_case_has_is_refused_and_no_rows_are_written(
    only: str, told: str, bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(_run(), only) == 2
    assert capsys.readouterr().err == f"--only: no case of the matrix has '{only}' in its name{told}\n"
    assert list(bench.iterdir()) == []
