"""The fenced writes of an evaluator: every task that has something to write, in one round trip, one write at a time.

``path`` calls ``write`` in every turn before what it decided is produced. An evaluator that has come to the end of its
records waits here for Redis. One that is behind leaves the write under way in a thread, reads and judges the next
batch, and lets that grow while the disk is slow: so the processor never waits for it, and each write takes more along.
What a write holds is frozen when it starts, and its answer counts when ``write`` is called again, so nothing else is
shared with the thread and the engine needs no lock. Tasks that were dropped meanwhile don't matter: the fence decides
which of their writes still counts, and whoever takes them up goes on from what is stored.

A task that Redis lost is written again from memory here; one that another process owns by now is handed back, and
``path`` leaves the group.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import NamedTuple

import structlog

from dutyd.core.metrics import CHECKPOINT_SECONDS
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.saved import Answer, Write
from dutyd.evaluate.tasks import Task

MOST_TURNS = 4
"""So many turns' records at most wait together for the write before them: a tenth of a second's work."""

MOST_BYTES = 16 * 1024 * 1024
"""With so many bytes of triggers no more are added: one write takes them in one piece."""

log = structlog.get_logger()


class _UnderWay(NamedTuple):
    """A write that was started: the tasks it is of, in its order, and its answers."""

    tasks: Sequence[Task]
    answers: Future[list[Answer]]


class Writer:
    """The writes of one evaluator."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint-write")
        self._under_way: _UnderWay | None = None
        self._turns = 0  # since it was started

    @property
    def busy(self) -> bool:
        """Whether a write is under way."""
        return self._under_way is not None

    def write(self, tasks: Collection[Task], now: float, *, at_once: bool = False, behind: bool = False) -> list[Task]:
        """Write what has to be written by *now*, a monotonic clock; return the tasks that another process owns.

        Args:
            tasks: those that are worked on.
            now: seconds.
            at_once: write whatever changed.
            behind: there is more to judge; then a write may be left under way. Otherwise everything is answered.

        Raises:
            NotReadyError: Redis does not answer; calling again repeats the same writes.

        """
        self._turns += 1
        if behind and self._has_room(tasks):
            return []
        if gone := self._answered(tasks):
            return gone
        self._start(tasks, now, at_once=at_once)
        return [] if behind else self._answered(tasks)

    def _has_room(self, tasks: Collection[Task]) -> bool:
        """Whether a write is under way and not answered yet, and another turn's records may wait for that."""
        if self._under_way is None or self._under_way.answers.done() or self._turns >= MOST_TURNS:
            return False
        return sum(task.outbox.fresh_bytes for task in tasks) < MOST_BYTES

    def _start(self, tasks: Collection[Task], now: float, *, at_once: bool) -> None:
        found = {task: task.write(self._checkpoint.number(), now, at_once=at_once) for task in tasks}
        due = {task: write for task, write in found.items() if write is not None}
        if due:
            self._under_way = _UnderWay(list(due), self._thread.submit(self._send, list(due.values())))
            self._turns = 0

    def _send(self, writes: Sequence[Write]) -> list[Answer]:
        """Called by the thread: takes nothing but what is frozen."""
        with CHECKPOINT_SECONDS.time():
            return self._checkpoint.write(writes)

    def _answered(self, tasks: Collection[Task]) -> list[Task]:
        """Wait for the write under way; take note of what it did for those of *tasks* that are in it."""
        if self._under_way is None:
            return []
        (written, answers), self._under_way = self._under_way, None
        gone = []
        for task, answer in zip(written, answers.result(), strict=True):
            if task not in tasks:
                continue
            if answer is Answer.OWN:
                task.written()
            elif answer is Answer.ANOTHER or not self._restored(task):
                gone.append(task)
        return gone

    def _restored(self, task: Task) -> bool:
        """Write all of *task* again, from memory; False: another process was faster."""
        log.warning("Redis lost data of a task: writing it again from memory", task=task.name)
        owner = self._checkpoint.restore(task.whole(self._checkpoint.number()))
        if owner is not None:
            task.restored(owner)
        return owner is not None

    def wait(self) -> None:
        """Wait until nothing is at Redis; what became of it ``write`` tells."""
        if self._under_way is not None:
            wait([self._under_way.answers])

    def close(self) -> None:
        """End the thread, after the write under way."""
        self._thread.shutdown()
