"""What a log line looks like, and what it never holds."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from dutyd.core import secrets
from dutyd.ops.logging import configure_logging


@pytest.fixture(autouse=True)
def logging_again() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_an_event_is_one_json_line_with_its_context(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    with structlog.contextvars.bound_contextvars(incident="abc"):
        structlog.get_logger().info("effect sent", rule="low-stock")
    [line] = lines(capsys)
    assert line.pop("timestamp")
    assert line == {"event": "effect sent", "level": "info", "incident": "abc", "rule": "low-stock"}


def test_a_line_break_in_a_value_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    structlog.get_logger().warning("event refused", said='x\n{"event": "forged"}')
    [line] = lines(capsys)
    assert line["event"] == "event refused"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("password", "geheim", "***"),
        ("api_key", "sk-1", "***"),
        ("model_token", "sk-1", "***"),
        ("tokens", 12, 12),
        ("url", "redis://:geheim@host:6379/0", "redis://***@host:6379/0"),
        ("url", "http://host/a@b", "http://host/a@b"),
        ("settings", {"kafka": {"password": "geheim"}}, {"kafka": {"password": "***"}}),
        ("servers", ["redis://:geheim@a", 1], ["redis://***@a", 1]),
        ("error", "sent Authorization: Bearer geheim to host", "sent Authorization: Bearer *** to host"),
    ],
)
def test_secrets_are_masked(capsys: pytest.CaptureFixture[str], name: str, value: object, shown: object) -> None:
    configure_logging()
    structlog.get_logger().info("connected", **{name: value})
    assert lines(capsys)[0][name] == shown


def test_libraries_speak_in_the_same_way_when_it_matters(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logging.getLogger("some.module").warning("pool is full")
    logging.getLogger("some.module").info("nothing special")
    [line] = lines(capsys)
    assert (line["event"], line["level"], line["logger"]) == ("pool is full", "warning", "some.module")


def test_an_exception_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    try:
        int("odd")
    except ValueError:
        structlog.get_logger().exception("run failed")
    [line] = lines(capsys)
    assert "odd" in json.dumps(line["exception"])


def test_a_traceback_holds_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    try:
        int("redis://:geheim@host:6379")
    except ValueError:
        structlog.get_logger().exception("run failed")
    [line] = lines(capsys)
    told = json.dumps(line["exception"])
    assert "ValueError" in told
    assert "redis://***@host:6379" in told
    assert "geheim" not in json.dumps(line)


def test_a_traceback_on_a_terminal_holds_no_secret_either(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    configure_logging()
    try:
        int("redis://:geheim@host:6379")
    except ValueError:
        structlog.get_logger().exception("run failed")
        logging.getLogger("some.module").exception("so did this")
    shown = capsys.readouterr().err
    assert shown.count("Traceback") == 2
    assert "geheim" not in shown


def test_what_people_look_for_first_stands_first(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    structlog.get_logger().info("effect sent", rule="low-stock")
    assert list(lines(capsys)[0]) == ["timestamp", "level", "event", "rule"]


def test_the_level_can_be_lowered(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(logging.ERROR)
    structlog.get_logger().warning("not now")
    assert lines(capsys) == []


def test_what_the_settings_hold_is_masked_wherever_it_stands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets._Process, "known", secrets.Known(["correct horse"]))
    configure_logging()
    structlog.get_logger().error("it said: correct horse", answers=[{"why": "no correct horse here"}])
    [line] = lines(capsys)
    assert (line["event"], line["answers"]) == ("it said: ***", [{"why": "no *** here"}])
