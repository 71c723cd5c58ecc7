"""The broker of a simulated world: a triggers topic of one partition, what the group has committed, and the outcomes.

It fails nobody; what may go wrong with brokers is played on real ones (``support.crash.faults``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from dutyd.core.event import Headers
from dutyd.core.incident import Trigger
from dutyd.stream.base import Partition, Polled
from support.records import FakeRecord

TRIGGERS = Partition("sim.triggers", 0)


@dataclass
class Topics:
    """What the topics hold.

    Attributes:
        triggers: their records; compacted ones are gone.
        committed: the workers' offset; None before the first.
        outcomes: records in the order in which they were produced.

    """

    triggers: list[FakeRecord] = field(default_factory=list)
    committed: int | None = None
    outcomes: list[FakeRecord] = field(default_factory=list)
    _next: int = 0

    def publish(self, trigger: Trigger, now: float) -> None:
        """Append a trigger's record."""
        value = msgspec.json.encode(trigger)
        self.triggers.append(FakeRecord(value, self._next, int(now * 1000), trigger.key))
        self._next += 1

    def repeat(self, last: int, now: float) -> None:
        """Append the *last* records again, as who resends an outbox does."""
        for record in self.triggers[-last:]:
            self.triggers.append(record._replace(offset=self._next, timestamp=int(now * 1000)))
            self._next += 1

    def compact(self) -> None:
        """Forget all records of the one key but the last; what was sent again goes with its original, days later."""
        last = self.triggers[-1].value
        first = next(at for at, record in enumerate(self.triggers) if record.value == last)
        del self.triggers[:first]

    def reader(self) -> "Reader":
        """Join the group."""
        return Reader(self)

    def send(self, topic: str, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()) -> None:
        """Append an outcome's record."""
        del topic, headers
        self.outcomes.append(FakeRecord(value, key=key))

    def flush(self) -> None:
        """All is acknowledged."""


@dataclass
class Reader:
    """The one member of the workers' group."""

    topics: Topics
    at: int = 0
    joined: bool = False

    def poll(self, timeout: float, limit: int) -> Polled:
        """Return what is next; the first time only that the partition is ours."""
        del timeout
        if not self.joined:
            self.joined = True
            return Polled(assigned=frozenset((TRIGGERS,)))
        found = [record for record in self.topics.triggers if record.offset >= self.at][:limit]
        self.at = found[-1].offset + 1 if found else self.at
        return Polled({TRIGGERS: found} if found else {})

    def seek(self, partition: Partition, offset: int) -> None:
        """Read from *offset* on."""
        del partition
        self.at = offset

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Note the group's offset."""
        self.topics.committed = offsets[TRIGGERS]

    def committed(self, partitions: Sequence[Partition]) -> dict[Partition, int | None]:
        """Return the group's offset."""
        return dict.fromkeys(partitions, self.topics.committed)
