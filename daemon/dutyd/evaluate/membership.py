"""The membership of this process in the group of evaluators: its partitions, and the tasks that it works on for them.

``path`` joins by asking for the consumer, shows it what each poll told about the group, and drops what another process
has. A task stands for all partitions of its number, so a change of one of them takes the whole task up anew.
"""

import contextlib
import time
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from dutyd.core.errors import NotReadyError
from dutyd.core.metrics import LATCHES
from dutyd.evaluate import garbage
from dutyd.evaluate.assignment import Assignment
from dutyd.evaluate.plans import Planned
from dutyd.evaluate.tasks import Task
from dutyd.evaluate.topics import Topics
from dutyd.stream.base import STAND_BY_SECONDS, Consumer, Partition, Polled, Stream

LOOK_SECONDS = 5.0
"""How often topics are looked for that do not exist yet."""


class Membership:
    """The membership of one evaluator.

    Attributes:
        tasks: what is worked on, by name.
        waiting: partitions that are ours and not yet taken up.
        consumer: the reader of this member; None: it has not joined, or left.

    """

    def __init__(self, group: str, stream: Stream, topics: Topics, assignment: Assignment) -> None:
        self.tasks: dict[str, Task] = {}
        self.waiting: frozenset[Partition] = frozenset()
        self.consumer: Consumer | None = None
        self._group = group
        self._stream = stream
        self._topics = topics
        self._assignment = assignment
        self._told = False  # by the group, at least once
        self._since = time.monotonic()
        self._looked = 0.0

    def join(self) -> Consumer:
        """Return the reader, joining the group where that has not happened yet."""
        if self.consumer is None:
            self._topics.learn_counts()
            self.consumer = self._stream.consumer(self._group, self._topics.starts, client=self._group)
            self._since = time.monotonic()
        return self.consumer

    @property
    def missing(self) -> tuple[str, ...]:
        """The topics that are waited for."""
        return self._topics.missing

    @property
    def stands(self) -> bool:
        """Whether the group has said what is ours, be it nothing."""
        return self._told or time.monotonic() - self._since >= STAND_BY_SECONDS

    def appeared(self) -> bool:
        """Return whether a topic that was waited for is there: it is shared only among those who join anew."""
        clock = time.monotonic()
        if self.consumer is None or not self.missing or clock - self._looked < LOOK_SECONDS:
            return False
        self._looked = clock
        return self._topics.appeared()

    def follow(self, polled: Polled) -> AbstractSet[Partition]:
        """Drop the tasks that a group change touches, what is still ours of them waits; return what is not ours now."""
        gone = polled.revoked | polled.lost
        if gone or polled.assigned:
            self.drop({self._topics.task_of(each) for each in gone | polled.assigned})
            self.waiting = (self.waiting | polled.assigned) - gone
            self._told = True
        return gone

    def take_up(self, planned: Planned) -> Iterator[Task]:
        """Take up what waits, as a whole or not at all; yield each task."""
        if not self.waiting or self.consumer is None:
            return
        with garbage.not_while_loading():
            for task in self._assignment.take_up(self.consumer, self.waiting, planned):
                yield task
                self.tasks[task.name] = task
                self.waiting -= frozenset(task.sources)

    def task_of(self, partition: Partition) -> Task | None:
        """Return whose *partition* is; None: it waits to be taken up, and will be read again from its place."""
        return self.tasks.get(self._topics.task_of(partition))

    def drop(self, names: AbstractSet[str]) -> None:
        """Forget the tasks *names*, to take them up anew as they are stored."""
        if names & self.tasks.keys():
            garbage.look_at_all()
        for name in names & self.tasks.keys():
            self.waiting |= frozenset(self.tasks.pop(name).sources)
            LATCHES.remove(name)

    def part(self) -> None:
        """Forget everything and leave the group."""
        self.drop(set(self.tasks))
        self.waiting = frozenset()
        consumer, self.consumer = self.consumer, None
        if consumer is not None:
            with contextlib.suppress(NotReadyError):
                consumer.close()
