"""From a partition that was assigned to a task that goes on where the one before stopped.

``path`` calls ``take_up`` for what its consumer was given: the task is claimed (its owner before is fenced off), what
Redis holds is loaded, and every partition is sought so far back that windows and duplicates are known again when
deciding goes on. Where Redis has no checkpoint, or one from before its last start, the triggers topic tells which
incidents are open: latches are never derived from events a second time.
"""

import math
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
import structlog

from dutyd.core.errors import NotReadyError
from dutyd.core.incident import Trigger
from dutyd.core.rule import Rule
from dutyd.core.topic import OwnTopics, Start, Topic
from dutyd.evaluate.by_key import topic_of
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.engine import Latch, LatchKey, Phase, Plan, Resume, State, Trickle, horizon
from dutyd.evaluate.engine.latches.latch import NOWHERE
from dutyd.evaluate.outbox import Outbox, Outgoing
from dutyd.evaluate.plans import Planned
from dutyd.evaluate.records import (
    latch_name,
    latches_of,
    marks_of,
    read_latches,
    read_stored,
    read_trigger,
    write_latch,
)
from dutyd.evaluate.saved import Decided, Found, Saved, Write
from dutyd.evaluate.sources import ByKeySource, Outlet, Source
from dutyd.evaluate.tasks import Task
from dutyd.evaluate.topics import Topics
from dutyd.stream.base import Consumer, Partition, Span, Stream

REPLAY_RECORDS = 1_000_000
"""How many records of a partition are replayed at most: a few seconds' work. Windows that reach further back begin
there."""

REPEATS_SECONDS = 300.0
"""How far back, beyond a topic's lateness, repeated events are recognised: replay goes at least that far."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Past:
    """What is known of a task when it is taken up: the rules, how far it was decided, what its snapshots say."""

    plan: Plan
    offsets: Mapping[str, Decided]
    resume: Resume

    def reach(self, topic: Topic, decided: Decided) -> float:
        """Return how many seconds of *topic* before what was *decided* are to be replayed for its windows."""
        if topic.carries or decided.timestamp is None:
            return horizon(self.plan)
        return self.resume.reach(self.plan, topic.alias, decided.timestamp / 1000)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is needed to take up tasks: the stream, the checkpoints, the topics that are read, and our own."""

    stream: Stream
    checkpoint: Checkpoint
    topics: Topics
    own: OwnTopics

    def take_up(self, consumer: Consumer, partitions: frozenset[Partition], planned: Planned) -> Iterator[Task]:
        """Yield a task after the other, loaded, its partitions sought."""
        by_task: dict[str, list[Partition]] = defaultdict(list)
        for partition in sorted(partitions):
            by_task[self.topics.task_of(partition)].append(partition)
        spans = self.stream.spans(sorted({partition.topic for partition in partitions}))
        history: list[Trigger] | None = None
        for name, members in by_task.items():
            owner, found = self.checkpoint.claim(name, secrets.token_hex(16))
            saved = self.checkpoint.load(name)
            past = _Past(planned.plan, saved.offsets, self._resume(name))
            sources = {each: self._source(consumer, each, past, spans[each]) for each in members}
            state = State(Trickle(self._aliases(members), past.resume))
            state.learns = not saved.offsets
            for page in self.checkpoint.pages(name):
                state.adopt(read_stored(page))
            told: Mapping[LatchKey, Latch] = {}
            if found is not Found.SAME:
                history = self._history() if history is None else history
                told = latches_of(self._newer(history, members, saved))
            scheduling = self.topics.scheduler in members
            marks = self._marks(name, state.marks, planned.plan.schedules, history or ()) if scheduling else {}
            newer = {**told, **marks}
            state.load(newer)
            task = Task(owner, sources, state, _outbox(saved), scheduling=scheduling)
            if told:
                self._keep(task, newer)
            for partition, source in sources.items():
                consumer.seek(partition, source.read)
            behind = {each.topic: source.decided.offset for each, source in sources.items()}
            log.info("task taken up", task=name, checkpoint=found.value, latches=state.active(), decided=behind)
            yield task

    def _resume(self, task: str) -> Resume:
        """Return what the snapshots of *task* say."""
        found = Resume()
        for page in self.checkpoint.windows(task):
            found.read(page)
        if found.refused:
            log.warning(
                "snapshots of windows are damaged, or of another version: their rules' windows are replayed",
                task=task,
                refused=found.refused,
            )
        return found

    def _aliases(self, members: Iterable[Partition]) -> list[str]:
        """Return the topics among *members* whose events lie in the order in which they are decided."""
        topics = [self.topics[each.topic] for each in members]
        return [topic.alias for topic in topics if not topic.carries]

    def _keep(self, task: Task, latches: Mapping[LatchKey, Latch]) -> None:
        """Write *task* with what is newer in *latches*: the next to take it up finds a whole checkpoint."""
        newer = {
            latch_name(key): write_latch(latch) if latch.phase is not Phase.INACTIVE or latch.schedule else None
            for key, latch in latches.items()
        }
        kept = {**self.checkpoint.latches(task.name), **newer}
        whole = Write(task.owner, self.checkpoint.number(), task.offsets, kept, task.outbox.kept)
        owner = self.checkpoint.restore(whole)
        if owner is None:
            raise NotReadyError(f"another process has taken task {task.name} over")
        task.restored(owner)

    def _marks(
        self, task: str, own: Mapping[str, Latch], schedules: Mapping[str, Rule], history: Iterable[Trigger]
    ) -> Mapping[LatchKey, Latch]:
        """Return up to when *schedules* were judged: the newest that its *own* marks, *history* and the tasks tell that
        had them before. A task may get them because topics appeared, or got more partitions.
        """
        names = [latch_name((rule, ())) for rule in schedules]
        others = (read_latches(self.checkpoint.pick(each, names)) for each in self.checkpoint.notes.schedulers(task))
        mine: dict[LatchKey, Latch] = {(rule, ()): mark for rule, mark in own.items()}
        found: dict[LatchKey, Latch] = {}
        for known in (marks_of(history, schedules), mine, *others):
            found |= {key: mark for key, mark in known.items() if key not in found or found[key].since < mark.since}
        return found

    def _source(self, consumer: Consumer, partition: Partition, past: _Past, span: Span) -> Source:
        """Find where *partition* goes on, and from where it is replayed up to there."""
        topic = self.topics[partition.topic]
        decided = past.offsets.get(partition.topic)
        if decided is None:
            committed = consumer.committed([partition])[partition]
            if committed is None:  # never read: nothing to replay
                edge = span.begin if self.topics.starts[topic.topic] is Start.EARLIEST else span.end
                return self._reading(topic, partition, Decided(edge), edge)
            decided = Decided(committed)
        elif decided.offset > span.end and decided.timestamp is not None:
            # The topic lost its end, or was made anew: what is younger than the last decided record is new.
            log.warning("topic ends before what was decided", topic=topic.topic, decided=decided.offset, end=span.end)
            decided = Decided(consumer.offset_at(partition, decided.timestamp + 1), decided.timestamp)
            past.resume.forget(topic.alias)
        decided = msgspec.structs.replace(decided, offset=max(decided.offset, span.begin))
        most = consumer.back(partition, decided.offset, REPLAY_RECORDS)
        if past.resume.lacks_before(topic.alias, most):
            past.resume.forget(topic.alias)
        reach = past.reach(topic, decided) + topic.lateness + REPEATS_SECONDS
        start = _replay_from(consumer, partition, decided, reach)
        if start < most:
            log.warning(
                "more to replay than is replayed: windows begin unknown", topic=topic.topic, records=REPLAY_RECORDS
            )
        read = min(decided.below, max(start, most))
        return self._reading(topic, partition, decided, max(span.begin, read), partly=max(start, span.begin) < most)

    def _reading(
        self, topic: Topic, partition: Partition, decided: Decided, read: int, *, partly: bool = False
    ) -> Source:
        if topic.carries:
            return ByKeySource(topic, partition, decided, read, self.topics.count(topic.carries) or 0, partly=partly)
        by_key = self.own.by_key(topic.alias)
        count = self.topics.count(by_key)
        outlet = Outlet(by_key, count) if topic.rekey and count is not None else None
        return Source(topic, partition, decided, read, partly=partly, outlet=outlet)

    def _history(self) -> list[Trigger]:
        """Return, for each rule and entity, the trigger that was decided last."""
        newest: dict[bytes, Trigger] = {}
        for _, record in self.stream.scan(self.own.triggers):
            if record.value is None:  # closed long ago
                newest.pop(record.key or b"", None)
            elif (trigger := _read(record.value)) is not None:
                before = newest.get(trigger.key)
                if before is None or _place(trigger) >= _place(before):
                    newest[trigger.key] = trigger
        return list(newest.values())

    def _newer(self, history: Iterable[Trigger], members: Iterable[Partition], saved: Saved) -> Iterator[Trigger]:
        """Yield the triggers of *members* that were decided after what *saved* knows."""
        known = {
            (self.topics[each.topic].alias, each.number): _place_of(saved.offsets.get(each.topic)) for each in members
        }
        for trigger in history:
            at = trigger.position
            if at is not None and at.offset >= known.get((topic_of(at.topic), at.partition), math.inf):
                yield trigger


def _place_of(decided: Decided | None) -> int:
    """Return the place in a partition up to which is decided: an offset; of a by-key one, see ``sources``, a time."""
    if decided is None:
        return NOWHERE
    return decided.offset if decided.upto is None else int(decided.upto * 1000)


def _replay_from(consumer: Consumer, partition: Partition, decided: Decided, seconds: float) -> int:
    """Return the offset of the first record to replay; 0 where nothing says when the last one was decided."""
    if decided.timestamp is None:
        return 0
    last = decided.timestamp if decided.upto is None else min(decided.timestamp, int(decided.upto * 1000))
    return min(decided.below, consumer.offset_at(partition, last - int(seconds * 1000)))


def _read(value: bytes) -> Trigger | None:
    try:
        return read_trigger(value)
    except msgspec.DecodeError as error:
        log.warning("a record of the triggers topic is no trigger", error=str(error))
        return None


def _place(trigger: Trigger) -> int:
    return -1 if trigger.position is None else trigger.position.offset


def _outbox(saved: Saved) -> Outbox:
    return Outbox(Outgoing(read_trigger(value).key, value) for value in saved.outbox)
