"""The live engine, the test runner and the backtest decide the same on any stream, however it is cut.

*Live* is a task of the evaluate path: records, decoder, watermark, triggers in its outbox. The *backtest* reads the
same events from lines of a file. The *test runner* plays a case of one rule, whose events are in the order of time.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from dutyd.core.event import Event
from dutyd.core.incident import Trigger, TriggerKind
from dutyd.core.opening import Opens
from dutyd.core.place import Place
from dutyd.core.rule import Rule
from dutyd.core.topic import Topic
from dutyd.evaluate.engine import State, plan
from dutyd.evaluate.outbox import Outbox
from dutyd.evaluate.plans import Planned
from dutyd.evaluate.saved import Decided, Owner
from dutyd.evaluate.sources import Source
from dutyd.evaluate.tasks import Task
from dutyd.rules.rehearsal import backtest
from dutyd.rules.rehearsal.histories import of_files
from dutyd.rules.testing.cases import BEGIN, Case, Given
from dutyd.rules.testing.expectations import Expected
from dutyd.rules.testing.playing import play
from dutyd.stream.base import Partition
from support.engine.worlds import TOPIC, batches, busy_events, each_event_rules, events, keepers, rules, sequence_rules
from support.records import FakeRecord
from support.rule_files import TOOLS_ONLY

METRICS = Topic(alias=TOPIC, topic=TOPIC)
HERE = Partition(TOPIC, 0)

Decision = tuple[str, tuple[tuple[str, str], ...], float, float | None]
"""Rule, entity, when it opened and when it cleared."""


def document(event: Event) -> bytes:
    return json.dumps({"id": event.id, "source": event.source, "time": event.time, **event.fields}).encode()


def live(ruled: Sequence[Rule], parts: Sequence[Sequence[Event]]) -> list[Decision]:
    """Return what a task of the evaluate path decides; time is said to pass after each part."""
    planned = Planned("digest", plan(ruled, {TOPIC: METRICS.lateness}))
    task = Task(Owner("1.0", "token", "server"), {HERE: Source(METRICS, HERE, Decided(0), 0)}, State(), Outbox())
    offset, newest = 0, 0.0
    for part in parts:
        if part:
            records = [
                FakeRecord(document(event), offset + number, int(event.time * 1000))
                for number, event in enumerate(part)
            ]
            assert task.take(planned, HERE, records) == []
            offset += len(records)
            newest = max(newest, *(event.time for event in part))
        task.tick(planned, newest, {HERE: False})
    task.tick(planned, newest + METRICS.lateness, {HERE: True})  # up to the last event's time
    return decisions([msgspec.json.decode(each, type=Trigger) for each in task.outbox.fresh])


def decisions(triggers: Sequence[Trigger]) -> list[Decision]:
    cleared = {each.incident: each.decided for each in triggers if each.kind is TriggerKind.CLEARED}
    opened = [each for each in triggers if each.kind is TriggerKind.OPENED]
    return sorted(
        ((each.rule, tuple(each.entity.items()), each.opened, cleared.get(each.incident)) for each in opened), key=str
    )


def backtested(ruled: Sequence[Rule], found: Sequence[Event]) -> list[Decision]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "history.jsonl"
        file.write_bytes(b"\n".join(map(document, found)))
        done = backtest.run({rule.id: rule for rule in ruled}, TOOLS_ONLY, of_files([file], METRICS), lambda _: None)
    told = [(each.rule, tuple(each.entity.items()), each.opened, each.cleared) for each in done.openings]
    return sorted(told, key=str)


def run_as_test(rule: Rule, found: Sequence[Event]) -> list[tuple[Any, ...]]:
    """Return entity and time of each opening and of each clear that the test runner sees."""
    given = tuple(Given(event.time - 1000.0, event.fields, event.id) for event in found)
    case = Case(name="any", rule=rule.id, events=given, expected=Expected(), place=Place())
    played = play(case, rule, TOOLS_ONLY)
    turns = [("opened", turn) for turn in played.opens] + [("cleared", turn) for turn in played.clears]
    return sorted(((kind, tuple(turn.entity.items()), turn.at) for kind, turn in turns), key=str)


def turns_of(found: Sequence[Decision], rule: Rule) -> list[tuple[Any, ...]]:
    own = [each for each in found if each[0] == rule.id]
    opened = [("opened", entity, at - 1000.0) for _, entity, at, _ in own]
    cleared = [("cleared", entity, at - 1000.0) for _, entity, _, at in own if at is not None]
    return sorted([*opened, *cleared], key=str)


def one_record_each(found: Sequence[Event]) -> list[Event]:
    return [msgspec.structs.replace(event, offset=number) for number, event in enumerate(found)]


@settings(max_examples=60)
@given(st.data())
def test_a_backtest_decides_as_the_live_engine_however_the_stream_is_cut(data: st.DataObject) -> None:
    ruled = [*data.draw(rules()), *data.draw(each_event_rules()), *data.draw(sequence_rules(most=1))]
    ruled += keepers([rule for rule in ruled if rule.opens is Opens.ON_CHANGE])
    found = one_record_each(data.draw(events() | busy_events()))
    assert live(ruled, data.draw(batches(found))) == backtested(ruled, found)


@settings(max_examples=60)
@given(st.data())
def test_the_test_runner_decides_as_the_backtest(data: st.DataObject) -> None:
    (rule,) = data.draw(rules(most=1) | sequence_rules(most=1))
    found = one_record_each(data.draw(events(lates=False) | busy_events(lates=False)))
    assert BEGIN % 1 == 0
    assert run_as_test(rule, found) == turns_of(backtested([rule], found), rule)
