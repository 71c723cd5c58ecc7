"""What leaves the evaluate path: triggers out of the outboxes, events for by-key topics, and dead letters.

``path`` calls ``flush`` before it writes and ``send`` after. Acknowledgements are awaited one turn late: while the
next batch is read and judged they come in by themselves, so that intake does not wait for the broker. Dead letters
and what goes to by-key topics are acknowledged before the write that passes their records: a crash may repeat one,
never lose one.
"""

import contextlib
import traceback
from collections.abc import Iterable
from typing import NamedTuple

from dutyd.core.errors import NotReadyError
from dutyd.core.event import Record
from dutyd.core.topic import OwnTopics
from dutyd.evaluate.by_key import Outward
from dutyd.evaluate.tasks import Task
from dutyd.stream.base import Partition, Producer
from dutyd.stream.dead_letters import send_dead_letter


class _Dead(NamedTuple):
    record: Record
    partition: Partition
    reason: str
    traceback: str


class _Plain(NamedTuple):
    """A record of which only the value counts."""

    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    offset: int = 0
    timestamp: int = 0


class Sender:
    """The producer of one evaluator."""

    def __init__(self, producer: Producer, own: OwnTopics) -> None:
        self._producer = producer
        self._own = own
        self._dead: list[_Dead] = []
        self._flushed = True

    @property
    def busy(self) -> bool:
        """Whether something is not known to be acknowledged: then a turn should not wait for records."""
        return bool(self._dead) or not self._flushed

    def bury(self, record: Record, partition: Partition, reason: str, error: Exception | None = None) -> None:
        """Put *record* among the dead letters, with the place in the code where *error* came from."""
        trace = "" if error is None else "".join(traceback.format_exception(error))
        self._dead.append(_Dead(record, partition, reason, trace))

    def flush(self, tasks: Iterable[Task]) -> None:
        """Have everything that was sent acknowledged, the dead letters of this turn with it.

        Raises:
            NotReadyError: something was not; all of it will be sent again.

        """
        tasks = list(tasks)
        if self.busy or any(task.outward for task in tasks):
            self._flushed = False
            try:
                for task in tasks:
                    self._carry(task.outward)
                for dead in self._dead:
                    send_dead_letter(self._producer, self._own, *dead)
                self._producer.flush()
            except NotReadyError:
                for task in tasks:
                    task.outbox.send_again()
                raise
            self._dead.clear()
            for task in tasks:
                task.outward.clear()
            self._flushed = True
        for task in tasks:
            task.flushed()

    def _carry(self, outward: Iterable[Outward]) -> None:
        for topic, key, value, number in outward:
            if key is None:
                self._producer.put_back(Partition(topic, number), _Plain(value))
            else:
                self._producer.send(topic, value, key=key)

    def send(self, tasks: Iterable[Task]) -> None:
        """Send every trigger that is stored and was not sent yet."""
        for task in tasks:
            for trigger in task.outbox.take_unsent():
                self._flushed = False
                self._producer.send(self._own.triggers, trigger.value, key=trigger.key)

    def close(self) -> None:
        """Close the producer; what is not acknowledged stays in the outboxes."""
        with contextlib.suppress(NotReadyError):
            self._producer.close()
