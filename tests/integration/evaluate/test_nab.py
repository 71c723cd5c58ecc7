"""The threshold firings of four real series (Numenta Anomaly Benchmark), computed by somebody else, are ours exactly.

Through ``rules backtest``, as it is, with every event twice, and through the engine with a stop and a restart in the
middle of a series.
"""

import csv
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dutyd.core.event import Event
from dutyd.core.incident import TriggerKind
from dutyd.core.instant import instant_text
from dutyd.evaluate.engine import State, judge, plan, replay, tick
from dutyd.evaluate.records import latch_name, read_latches, write_latch
from dutyd.rules.load import load_files
from dutyd.rules.rehearsal.event_files import read_document
from support.needs import DATA, beside
from support.program import Program
from support.rule_files import TOOLS_ONLY

NAB = DATA / "nab"
EXPECTED = NAB / "expected_threshold_firings.jsonl"
pytestmark = beside("nab")

RULE = """\
  - id: {id}
    from: series
    when: value > {threshold}
    for: {hold}s
    steps: {{page: {{tool: send_alert, with: {{severity: info, summary: high}}}}}}
"""

Series = dict[str, Any]


def series() -> list[Series]:
    return [json.loads(line) for line in EXPECTED.read_text().splitlines()] if EXPECTED.exists() else []


def rules_of(expected: Series) -> str:
    threshold, hold = expected["threshold"], int(expected["for_seconds"])
    rules = RULE.format(id="edge", threshold=threshold, hold=0) + RULE.format(id="held", threshold=threshold, hold=hold)
    return f"language: 1\nrules:\n{rules}"


@cache
def lines_of(name: str) -> tuple[str, ...]:
    with (NAB / "data" / name).open() as file:
        return tuple(
            json.dumps({"id": str(number), "time": row["timestamp"], "value": float(row["value"])})
            for number, row in enumerate(csv.DictReader(file))
        )


def firings(expected: Series) -> dict[str, list[str]]:
    told = {"edge": expected["rising_edges"], "held": expected["for_fires"]}
    return {rule: [time.replace(" ", "T") + "Z" for time in times] for rule, times in told.items()}


@pytest.fixture
def dutyd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    (tmp_path / "dutyd.yaml").write_text("topics: {series: {}}\n")
    return Program(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize("times", [1, 2], ids=["once", "doubled"])
@pytest.mark.parametrize("expected", series(), ids=lambda expected: Path(expected["series"]).stem)
def test_a_backtest_fires_when_it_should(dutyd: Program, expected: Series, times: int) -> None:
    (dutyd.folder / "rules.yaml").write_text(rules_of(expected))
    lines = [line for line in lines_of(expected["series"]) for _ in range(times)]
    (dutyd.folder / "series.jsonl").write_text("\n".join(lines))
    arguments = ("rules.yaml", "--settings", "dutyd.yaml", "--topic", "series", "series.jsonl", "--json")
    ended = dutyd("rules", "backtest", *arguments)
    *rows, last = [json.loads(line) for line in ended.out.splitlines()]
    opened = {rule: [row["opened"] for row in rows if row["rule"] == rule] for rule in ("edge", "held")}
    assert opened == firings(expected)
    assert last["summary"]["duplicates"] == (times - 1) * expected["rows"]


@pytest.mark.parametrize("expected", series(), ids=lambda expected: Path(expected["series"]).stem)
def test_a_stop_and_a_restart_change_nothing(expected: Series) -> None:
    made = plan(load_files({"r.yaml": rules_of(expected)}, TOOLS_ONLY).rules.values())
    events = [event for number, line in enumerate(lines_of(expected["series"])) for event in _at(line, number)]
    middle = next(  # while the held rule is pending, if it ever is
        (at for at, event in enumerate(events) if event.fields["value"] > expected["threshold"]), len(events) // 2
    )
    first, second = State(), State()
    changes = judge(made, first, "series", events[: middle + 1])
    stored = {latch_name(key): write_latch(latch) for key, latch in first.all_latches().items()}
    assert stored, "something must be remembered for this to be a test"
    second.load(read_latches(stored))
    replay(made, second, "series", events[: middle + 1])
    changes += judge(made, second, "series", events[middle + 1 :]) + tick(made, second, events[-1].time)
    opened = [change for change in changes if change.kind is TriggerKind.OPENED]
    for rule, times in firings(expected).items():
        assert [instant_text(change.decided) for change in opened if change.rule == rule] == times


def _at(line: str, number: int) -> Iterator[Event]:
    for event in read_document(line.encode()):
        yield Event(event.id, event.source, event.time, event.arrival, number, event.fields)
