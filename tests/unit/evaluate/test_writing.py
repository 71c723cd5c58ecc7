"""In which order decisions become durable and visible while a write is under way beside the next turn."""

import json
import threading
from collections.abc import Iterator, Sequence

import pytest
import redis

from dutyd.core.errors import NotReadyError
from dutyd.core.expr import parse
from dutyd.core.rule import Rule
from dutyd.core.topic import Topic
from dutyd.evaluate import writing
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.engine import State, plan
from dutyd.evaluate.outbox import Outbox
from dutyd.evaluate.plans import Planned
from dutyd.evaluate.saved import Answer, Decided, Owner, Write
from dutyd.evaluate.sources import Source
from dutyd.evaluate.tasks import Task
from dutyd.evaluate.writing import MOST_TURNS, Writer
from dutyd.stream.base import Partition
from support.records import json_record

HERE = Partition("metrics", 0)
RULES = Planned("d", plan([Rule(id="errors", topic="metrics", when=parse("error_count > 10"), per=("service",))]))


class Slow(Checkpoint):
    """Redis as the writer sees it: a write is answered when it is let through, with what is said here."""

    def __init__(self) -> None:
        super().__init__(redis.Redis(), "unit")  # which connects to nothing
        self.writes: list[Write] = []
        self.answers: list[Answer | Exception] = []
        self.open = threading.Event()
        self.restored: list[Write] = []

    def write(self, writes: Sequence[Write]) -> list[Answer]:
        self.writes += writes
        assert self.open.wait(10)
        answer = self.answers.pop(0) if self.answers else Answer.OWN
        if isinstance(answer, Exception):
            raise answer
        return [answer] * len(writes)

    def restore(self, whole: Write) -> Owner | None:
        self.restored.append(whole)
        return whole.owner


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def writer(slow: Slow) -> Iterator[Writer]:
    writer = Writer(slow)
    yield writer
    slow.open.set()
    writer.close()


def a_task() -> Task:
    source = Source(Topic(alias="metrics", topic="metrics"), HERE, Decided(0), 0)
    return Task(Owner("1.0", "token", "server"), {HERE: source}, State(), Outbox())


def judge(task: Task, offset: int) -> None:
    """Have *task* decide the record at *offset*, which opens an incident of its own."""
    event = {"id": f"e{offset}", "service": f"s{offset}", "error_count": 12}
    task.take(RULES, HERE, [json_record(event, offset=offset)])


def services(triggers: Sequence[bytes]) -> list[str]:
    return [json.loads(each)["entity"]["service"] for each in triggers]


def sent(task: Task) -> list[str]:
    """What the turn would produce now."""
    return services([each.value for each in task.outbox.take_unsent()])


def test_nothing_is_told_before_its_own_write_is_answered(slow: Slow, writer: Writer) -> None:
    task = a_task()
    judge(task, 0)
    assert writer.write([task], 0.0, behind=True) == []
    assert (writer.busy, sent(task)) == (True, [])
    judge(task, 1)
    assert writer.write([task], 0.0, behind=True) == []
    assert sent(task) == []
    slow.open.set()
    writer.wait()
    judge(task, 2)
    assert writer.write([task], 0.0, behind=True) == []
    assert sent(task) == ["s0"]
    assert writer.write([task], 0.0) == []
    assert (writer.busy, sent(task)) == (False, ["s1", "s2"])


def test_what_is_decided_meanwhile_is_in_no_write_but_the_next(slow: Slow, writer: Writer) -> None:
    task = a_task()
    judge(task, 0)
    writer.write([task], 0.0, behind=True)
    judge(task, 1)
    judge(task, 2)
    slow.open.set()
    writer.write([task], 0.0)
    assert [services(write.triggers) for write in slow.writes] == [["s0"], ["s1", "s2"]]
    assert [len(write.latches) for write in slow.writes] == [1, 2]
    assert [write.offsets["metrics"].offset for write in slow.writes] == [1, 3]
    assert task.stored["metrics"].offset == 3


def test_a_batch_grows_by_so_many_turns_and_then_waits(slow: Slow, writer: Writer) -> None:
    task = a_task()
    judge(task, 0)
    writer.write([task], 0.0, behind=True)
    for offset in range(1, MOST_TURNS):
        judge(task, offset)
        writer.write([task], 0.0, behind=True)
    assert len(slow.writes) == 1
    threading.Timer(0.01, slow.open.set).start()
    judge(task, MOST_TURNS)
    writer.write([task], 0.0, behind=True)
    writer.wait()
    assert [len(write.triggers) for write in slow.writes] == [1, MOST_TURNS]


def test_a_batch_that_has_become_large_waits(slow: Slow, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    task = a_task()
    judge(task, 0)
    writer.write([task], 0.0, behind=True)
    judge(task, 1)
    monkeypatch.setattr(writing, "MOST_BYTES", task.outbox.fresh_bytes)
    threading.Timer(0.01, slow.open.set).start()
    writer.write([task], 0.0, behind=True)
    writer.wait()
    assert len(slow.writes) == 2


def test_who_is_not_behind_has_every_answer(slow: Slow, writer: Writer) -> None:
    task = a_task()
    judge(task, 0)
    slow.open.set()
    assert writer.write([task], 0.0) == []
    assert (writer.busy, sent(task)) == (False, ["s0"])


def test_a_write_that_failed_under_way_is_repeated_as_it_was(slow: Slow, writer: Writer) -> None:
    task = a_task()
    slow.answers = [NotReadyError("Redis: gone")]
    judge(task, 0)
    writer.write([task], 0.0, behind=True)
    judge(task, 1)
    slow.open.set()
    with pytest.raises(NotReadyError, match="gone"):
        writer.write([task], 0.0)
    assert sent(task) == []
    writer.write([task], 0.0)
    first, again = slow.writes
    assert again is first
    assert sent(task) == ["s0"]
    writer.write([task], 0.0)
    assert sent(task) == ["s1"]


def test_a_task_that_redis_lost_meanwhile_is_written_with_all_that_was_decided_since(
    slow: Slow, writer: Writer
) -> None:
    task = a_task()
    slow.answers = [Answer.LOST]
    judge(task, 0)
    writer.write([task], 0.0, behind=True)
    judge(task, 1)
    slow.open.set()
    assert writer.write([task], 0.0) == []
    (whole,) = slow.restored
    assert services(whole.triggers) == sent(task) == ["s0", "s1"]
    assert len(whole.latches) == 2
    assert len(slow.writes) == 1  # nothing is left


def test_the_owner_before_tells_nothing_of_what_it_went_on_to_decide(slow: Slow, writer: Writer) -> None:
    task = a_task()
    slow.answers = [Answer.ANOTHER]
    judge(task, 0)
    writer.write([task], 0.0, behind=True)
    judge(task, 1)
    slow.open.set()
    assert writer.write([task], 0.0) == [task]
    assert len(slow.writes) == 1
    assert sent(task) == []


@pytest.mark.parametrize("answer", [Answer.OWN, Answer.ANOTHER, Answer.LOST])
def test_what_becomes_of_a_task_that_was_dropped_meanwhile_is_of_no_matter(
    slow: Slow, writer: Writer, answer: Answer
) -> None:
    dropped, other = a_task(), a_task()
    slow.answers = [answer]
    judge(dropped, 0)
    writer.write([dropped], 0.0, behind=True)
    judge(other, 0)
    slow.open.set()
    assert writer.write([other], 0.0) == []
    assert sent(dropped) == []
    assert slow.restored == []
    assert sent(other) == ["s0"]


def test_closing_waits_for_the_write_under_way(slow: Slow, writer: Writer) -> None:
    task = a_task()
    judge(task, 0)
    writer.write([task], 0.0, behind=True)
    threading.Timer(0.01, slow.open.set).start()
    writer.close()
    assert slow.open.is_set()
