"""The evaluate path: topics in, triggers out. Read ``turn``; everything else serves it.

    poll -> group changes -> judge -> timers -> one fenced write -> triggers topic -> commit
    (what was acknowledged leaves the outbox with the next write)

Durable before visible: what a batch decided (latches, offsets, triggers) is in Redis before any trigger is produced,
and a trigger leaves Redis only when the broker has acknowledged it. Whoever takes a task over, this process after a
restart or another after a rebalance, resends its outbox and goes on from its offsets, with the same incident ids.
While there is more to read than a turn takes, the write is under way beside the next turn (``writing``).

``app`` runs one ``Evaluator`` in a thread of its own; others look at its ``status``. When Redis or the broker do not
answer, what was decided is kept and written later, nothing new is decided, and the loop polls only to stay in the
group.
"""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from dutyd.core.backoff import doubled
from dutyd.core.errors import NotReadyError, WrongError
from dutyd.core.event import Record
from dutyd.core.metrics import DEAD_LETTERS, LAST_POLL, LAST_TURN
from dutyd.core.rule import RuleSet
from dutyd.core.topic import Topic, own_topics_of, read_topics
from dutyd.evaluate import garbage
from dutyd.evaluate.assignment import Assignment
from dutyd.evaluate.begun import Begun
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.faults import Faults
from dutyd.evaluate.lag import Lags
from dutyd.evaluate.membership import Membership
from dutyd.evaluate.plans import Plans
from dutyd.evaluate.sender import Sender
from dutyd.evaluate.status import Status
from dutyd.evaluate.tasks import Task
from dutyd.evaluate.telling import Telling
from dutyd.evaluate.topics import Topics
from dutyd.evaluate.writing import Writer
from dutyd.stream.base import Consumer, Partition, Polled, Stream

POLL_SECONDS = 0.1
"""How long a poll waits for records; so often, too, what changed without a trigger is written."""

POLL_RECORDS = 4_000
"""At most so many records are decided by one turn, about 30 ms of work. A turn that got them all is behind."""

TICK_SECONDS = 1.0
"""How often the watermark moves. It drives quiet entities only, so it costs latency there and nothing else."""

COMMIT_SECONDS = 1.0
SWEEP_SECONDS = 5.0

LONGEST_WAIT_SECONDS = 10.0


log = structlog.get_logger()


class Evaluator:
    """Reads topics as one member of the installation's evaluators, decides, and produces triggers.

    Attributes:
        status: what it says about itself; replaced as a whole, so any thread may read it.

    """

    def __init__(
        self,
        installation: str,
        topics: Mapping[str, Topic],
        stream: Stream,
        checkpoint: Checkpoint,
        rules: Callable[[], RuleSet],
        now: Callable[[], float],
    ) -> None:
        """Make an evaluator; nothing is read before ``run``.

        Args:
            installation: names the consumer group and dutyd's own topics.
            topics: the source topics by alias.
            stream: where they are.
            checkpoint: of the same installation.
            rules: returns the newest good rule set.
            now: the wall clock, seconds since the epoch.

        """
        self.status = Status()
        own = own_topics_of(installation, topics.values())
        self._topics = {topic.topic: topic for topic in read_topics(own, topics.values())}
        self._checkpoint = checkpoint
        self._plans = Plans(rules, topics)
        self._planned = self._plans.take()
        self._now = now
        there = Topics(self._topics, stream, checkpoint.notes)
        assignment = Assignment(stream, checkpoint, there, own)
        self._member = Membership(f"{installation}.evaluate", stream, there, assignment)
        self._begun = Begun(checkpoint.notes)
        self._sender = Sender(stream.producer(), own)
        self._writer = Writer(checkpoint)
        self._faults = Faults()
        self._lags = Lags(self._topics, now)
        self._telling = Telling()
        self._ticked = self._swept = self._committed = 0.0

    def turn(self) -> None:
        """Read a batch, decide it, make it durable, then visible."""
        self._follow_topics()
        consumer = self._member.join()
        self._take_up()
        self._follow_rules()
        polled = consumer.poll(0.0 if self._sender.busy or self._writer.busy else POLL_SECONDS, POLL_RECORDS)
        self._follow_group(polled)
        for partition, records in polled.records.items():
            self._judge(partition, records)
        self._tick(consumer)
        self._settle(consumer, behind=polled.count >= POLL_RECORDS)
        self._say()

    def _settle(self, consumer: Consumer, *, at_once: bool = False, behind: bool = False) -> None:
        """Bring what was decided on its way: each step repeats what failed in it before."""
        tasks = self._member.tasks.values()
        self._sender.flush(tasks)  # dead letters, and the triggers that the turn before sent
        gone = self._writer.write(tasks, time.monotonic(), at_once=at_once, behind=behind)
        if gone:
            self._leave(gone[0])
        self._sender.send(tasks)
        self._commit(consumer, at_once=at_once)

    def run(self, stop: threading.Event) -> None:
        """Work until *stop* is set, then finish the batch, write, flush, commit and leave the group.

        Raises:
            WrongError: a person has to do something first, such as after a topic got more partitions.

        """
        with garbage.seldom():
            try:
                self._run(stop)
            finally:
                self._finish()

    def _run(self, stop: threading.Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                if failures:
                    self._settle(self._member.join())  # nothing new before what is decided is written
                self.turn()
                failures = 0
            except NotReadyError as error:
                failures += 1
                self._hold(error, failures, stop)
            except WrongError:
                raise
            except Exception as error:  # the boundary: whatever it is, the tasks start again as they are stored
                log.exception("the evaluator failed unexpectedly")
                failures += 1
                self._member.drop(set(self._member.tasks))
                self._hold(error, failures, stop)

    def _follow_topics(self) -> None:
        """Join the group anew when a topic appears that was waited for."""
        if self._member.consumer is not None and self._member.appeared():
            self._settle(self._member.consumer, at_once=True)
            self._part()

    def _take_up(self) -> None:
        """Take up what waits, after the last write of what was dropped: it may be of the same task."""
        if self._member.waiting:
            self._writer.wait()
        for task in self._member.take_up(self._planned):
            self._begun.tell(task, self._planned)

    def _follow_rules(self) -> None:
        old, new = self._planned, self._plans.take()
        if new is not old:
            self._planned = new
            for task in self._member.tasks.values():
                task.migrate(new, self._now())
                self._begun.tell(task, new)

    def _follow_group(self, polled: Polled) -> None:
        LAST_POLL.set(self._now())
        self._lags.forget(self._member.follow(polled))

    def _judge(self, partition: Partition, records: Sequence[Record]) -> None:
        task = self._member.task_of(partition)
        if task is None:
            return
        for batch in self._faults.batches(partition, records):
            try:
                bad = task.take(self._planned, partition, batch)
            except Exception as error:  # the boundary of a record
                log.exception("judging failed unexpectedly", topic=partition.topic, offset=batch[0].offset)
                culprit = self._faults.failed(partition, batch)
                if culprit is not None:
                    self._bury(culprit, partition, f"judging it failed: {error!r}", error)
                self._member.drop({task.name})
                return
            if bad:
                at, why = bad[0].record.offset, bad[0].reason
                log.warning("records became dead letters", topic=partition.topic, count=len(bad), offset=at, reason=why)
            for record, reason in bad:
                self._bury(record, partition, reason)
        settled = task.sources[partition].settled
        self._lags.decided(partition, records[-1].timestamp / 1000 if settled is None else settled)

    def _bury(self, record: Record, partition: Partition, reason: str, error: Exception | None = None) -> None:
        DEAD_LETTERS.labels(self._topics[partition.topic].alias).inc()
        self._sender.bury(record, partition, reason, error)

    def _tick(self, consumer: Consumer) -> None:
        """Move time on: what the reader passed without records, the timers of quiet entities, incidents that people
        closed; now and then, rules that are gone.
        """
        now, clock = self._now(), time.monotonic()  # read before the broker is asked: what came later is not proven
        tasks = self._member.tasks.values()
        due = clock - self._ticked >= TICK_SECONDS
        telling = self._telling.is_due(clock, (source for task in tasks for source in task.sources.values()))
        self._ticked = clock if due else self._ticked
        endings = self._checkpoint.endings() if due else ()
        for task in tasks:
            for partition, source in task.sources.items():
                source.reached(consumer.position(partition))
            if (due or telling) and not task.replaying:
                at_end = {each: consumer.at_end(each) for each in task.sources}
                if telling:
                    task.tell(now, at_end)
                if due:
                    self._lags.read({each: at_end[each] and task.sources[each].settled is None for each in at_end}, now)
                    task.tick(self._planned, now, at_end)
            if endings:
                task.end(self._planned, endings)
        if clock - self._swept >= SWEEP_SECONDS:
            self._swept = clock
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        """Let go of rules that are gone, and ask since when others carry what by-key rules see."""
        for task in self._member.tasks.values():
            task.sweep(self._planned, now)
        self._begun.ask(self._member.tasks.values(), self._planned)

    def _leave(self, task: Task) -> None:
        """Leave the group, to join it anew: this process was thought dead."""
        self._part()
        raise NotReadyError(f"another process has taken task {task.name} over: joining the group anew")

    def _part(self) -> None:
        self._lags.forget_all()
        self._member.part()

    def _commit(self, consumer: Consumer, *, at_once: bool) -> None:
        """Tell Kafka how far all triggers are acknowledged: for its lag tools, and for a Redis that is lost."""
        clock = time.monotonic()
        if at_once or clock - self._committed >= COMMIT_SECONDS:
            self._committed = clock
            consumer.commit(
                {each: offset for task in self._member.tasks.values() for each, offset in task.safe.items()}
            )

    def _hold(self, error: Exception, failures: int, stop: threading.Event) -> None:
        """Wait, longer each time and never in step with others; then show the group that this member is alive."""
        self.status = replace(self.status, trouble=str(error) or repr(error))
        asked = error.retry_after if isinstance(error, NotReadyError) else None
        seconds = asked or doubled(0.1, failures, LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311  # no secret
        log.warning("the evaluator waits", error=str(error), seconds=round(seconds, 1))
        consumer = self._member.consumer
        if stop.wait(seconds) or consumer is None:
            return
        with contextlib.suppress(NotReadyError):
            polled = consumer.poll(0.0, 1)
            self._follow_group(polled)
            for partition, records in polled.records.items():
                consumer.seek(partition, records[0].offset)

    def _say(self) -> None:
        tasks = self._member.tasks.values()
        LAST_TURN.set(self._now())
        self.status = Status(
            joined=self._member.stands,
            turned=self._now(),
            waiting=self._member.waiting,
            decided={each: task.stored[each.topic].offset for task in tasks for each in task.sources if task.stored},
            unacked=sum(task.outbox.unacked for task in tasks),
            missing=self._member.missing,
        )

    def _finish(self) -> None:
        consumer = self._member.consumer
        if consumer is not None:
            try:
                for _ in range(2):  # the second time drops from the outbox what the first has sent
                    self._settle(consumer, at_once=True)
            except NotReadyError as error:
                log.warning("stopped before everything was written: it will be decided again", error=str(error))
            with contextlib.suppress(NotReadyError):
                consumer.close()
        self._writer.close()
        self._sender.close()
        self._plans.close()
        log.info("the evaluator has stopped")
