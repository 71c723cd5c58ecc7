import json
from typing import NamedTuple

import pytest

from dutyd.core.expr import parse
from dutyd.core.rule import Rule, RuleSet
from dutyd.core.topic import Topic
from dutyd.evaluate.engine import State
from dutyd.evaluate.outbox import Outbox
from dutyd.evaluate.plans import Planned, Plans
from dutyd.evaluate.saved import Decided, Owner
from dutyd.evaluate.sources import Source
from dutyd.evaluate.tasks import BEAT_SECONDS, WRITE_SECONDS, Task
from dutyd.stream.base import Partition

TOPIC = Topic(alias="metrics", topic="metrics")
HERE = Partition("metrics", 0)


class Stub(NamedTuple):
    """A record."""

    offset: int
    timestamp: int
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def record(offset: int, errors: int, service: str = "a") -> Stub:
    fields = {"id": f"e{offset}", "time": 1_000 + offset, "service": service, "error_count": errors}
    return Stub(offset, (1_000 + offset) * 1_000, json.dumps(fields).encode())


def planned(when: str = "error_count > 10", hold: float = 0.0) -> Planned:
    rule = Rule(id="errors", topic="metrics", when=parse(when), per=("service",), hold=hold)
    plans = Plans(lambda: RuleSet("d", {rule.id: rule}, {}), {})
    plans.close()
    return plans.take()


def a_task(decided: int = 0, read: int | None = None) -> Task:
    source = Source(TOPIC, HERE, Decided(decided), decided if read is None else read)
    return Task(Owner("1.0", "token", "server"), {HERE: source}, State(), Outbox())


def test_a_trigger_is_written_at_once() -> None:
    task = a_task()
    task.take(planned(), HERE, [record(0, 12)])
    write = task.write(1, now=0.0)
    assert write is not None
    assert write.offsets == {"metrics": Decided(1, 1_000_000)}
    assert len(write.triggers) == len(write.latches) == 1


def test_what_made_no_trigger_waits_for_its_write() -> None:
    task = a_task()
    task.write(1, now=100.0)
    task.written()
    task.take(planned(hold=60), HERE, [record(0, 12), record(1, 1, "b")])
    assert task.write(2, now=100.0 + WRITE_SECONDS / 2) is None
    write = task.write(3, now=100.0 + 2 * WRITE_SECONDS)
    assert write is not None
    assert write.offsets == {"metrics": Decided(2, 1_001_000)}
    assert len(write.latches) == 1


def test_a_stop_does_not_wait() -> None:
    task = a_task()
    task.write(1, now=100.0)
    task.written()
    task.take(planned(), HERE, [record(0, 1)])
    assert task.write(2, now=100.0, at_once=True) is not None


def test_a_task_without_news_is_written_now_and_then() -> None:
    task = a_task()
    task.write(1, now=100.0)
    task.written()
    assert task.write(2, now=100.0 + BEAT_SECONDS / 2) is None
    assert task.write(3, now=100.0 + BEAT_SECONDS) is not None


def test_a_write_that_failed_is_repeated_as_it_was() -> None:
    task = a_task()
    task.take(planned(), HERE, [record(0, 12)])
    write = task.write(1, now=0.0)
    assert task.write(2, now=0.0) is write
    task.written()
    assert task.write(3, now=0.0) is None


def test_records_below_the_decided_offset_are_replayed_only() -> None:
    task = a_task(decided=3, read=0)
    rules = planned("count(10m) >= 3")
    task.take(rules, HERE, [record(0, 1), record(1, 1)])
    assert task.replaying
    task.take(rules, HERE, [record(2, 1), record(3, 1), record(4, 1)])
    assert not task.replaying
    write = task.write(1, now=0.0)
    assert write is not None
    assert write.offsets == {"metrics": Decided(5, 1_004_000)}
    assert len(write.triggers) == 1
    assert b'"offset":3' in write.triggers[0]


def test_time_stands_still_while_records_are_replayed() -> None:
    task = a_task(decided=3, read=0)
    rules = planned(hold=60)
    task.take(rules, HERE, [record(0, 12)])
    task.tick(rules, 10_000.0, {HERE: True})
    assert task.outbox.fresh == []


def test_places_without_records_are_passed() -> None:
    task = a_task(decided=3, read=0)
    source = task.sources[HERE]
    source.reached(2)
    assert (source.replaying, source.decided.offset) == (True, 3)
    source.reached(7)
    assert (source.replaying, source.decided.offset) == (False, 7)


def test_offsets_are_safe_when_the_triggers_before_them_are_acknowledged() -> None:
    task = a_task()
    task.take(planned(), HERE, [record(0, 12)])
    task.write(1, now=0.0)
    task.written()
    task.flushed()  # of what an earlier turn sent
    assert task.safe == {}
    task.outbox.take_unsent()
    task.flushed()
    assert task.safe == {HERE: 1}


def test_offsets_are_safe_while_later_records_go_on_to_make_triggers() -> None:
    task = a_task()
    task.take(planned(), HERE, [record(0, 12)])
    task.write(1, now=0.0)
    task.take(planned(), HERE, [record(1, 12, "b")])
    task.written()
    task.outbox.take_unsent()
    task.flushed()
    assert task.safe == {HERE: 1}


def test_all_of_a_task_is_what_it_remembers() -> None:
    task = a_task()
    task.take(planned(), HERE, [record(0, 12), record(1, 12, "b")])
    task.write(1, now=0.0)
    task.written()
    task.outbox.take_unsent()
    task.flushed()
    task.take(planned(), HERE, [record(2, 12, "c")])
    whole = task.whole(2)
    assert whole.offsets == {"metrics": Decided(3, 1_002_000)}
    assert len(whole.latches) == 3
    assert len(whole.triggers) == 1
    task.restored(Owner("1.0", "token", "next"))
    assert task.outbox.take_unsent() != []
    assert task.write(3, now=0.0) is None


@pytest.mark.parametrize("partly", [True, False])
def test_windows_that_reach_beyond_a_partial_replay_are_unknown(partly: bool) -> None:
    source = Source(TOPIC, HERE, Decided(3), 1, partly=partly)
    task = Task(Owner("1.0", "token", "server"), {HERE: source}, State(), Outbox())
    task.take(planned("count(10m) >= 2"), HERE, [record(1, 1), record(2, 1), record(3, 1)])
    assert len(task.outbox.fresh) == (0 if partly else 1)


def test_bad_records_are_told_once() -> None:
    task = a_task(decided=1, read=0)
    bad = task.take(planned(), HERE, [Stub(0, 0, b"{"), Stub(1, 0, b"{"), record(2, 12)])
    assert [each.record.offset for each in bad] == [1]
