"""The one interface to topics, and its two backends' contract (``stream.kafka``, ``stream.redis``).

The evaluate path and the accept path read through a ``Consumer``, write through a ``Producer`` and know nothing of
brokers. Everything is synchronous. A ``Stream`` may be used by several threads, what it opens by one at a time. Rules
every backend keeps (``tests/contract``):

* ``poll`` is where group changes become visible: it returns what was assigned, revoked and lost since the last call,
  before any record of a newly assigned partition; the reader answers with ``seek`` before the next ``poll``.
* ``commit`` is only called between polls. A commit that comes too late for a rebalance is dropped with a line in the
  log: the records will be seen again, and the checkpoint knows that they were decided.
* Servers that don't answer are ``NotReadyError`` with the reason; no call blocks longer than a minute. What the
  settings say wrongly of them is ``SettingsError`` as long as nobody has come in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from dutyd.core.event import Headers, Record
from dutyd.core.topic import Start
from dutyd.stream.fit import Access, Difference

STAND_BY_SECONDS = 15.0
"""A member that polled for so long and was given nothing stands by: others have every partition."""


class Partition(NamedTuple):
    """One partition of one topic, by the topic's real name."""

    topic: str
    number: int


class Span(NamedTuple):
    """The offsets a partition holds: from *begin*, up to but not including *end*."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Polled:
    """What one ``poll`` brought.

    Attributes:
        records: per partition, in offset order.
        assigned: partitions that are ours since the last poll, or again after another member may have had them:
            start them anew.
        revoked: partitions given back in order; a commit for them is dropped.
        lost: partitions taken away while this member was thought dead: drop their state.

    """

    records: Mapping[Partition, Sequence[Record]] = field(default_factory=dict)
    assigned: frozenset[Partition] = frozenset()
    revoked: frozenset[Partition] = frozenset()
    lost: frozenset[Partition] = frozenset()

    @property
    def count(self) -> int:
        """How many records there are in all."""
        return sum(map(len, self.records.values()))


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic to be there: its name, partitions, and the broker's settings for it (Kafka's names, text values)."""

    name: str
    partitions: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


class Consumer(Protocol):
    """A member of a consumer group."""

    def poll(self, timeout: float, limit: int) -> Polled:
        """Wait up to *timeout* seconds for at most *limit* records; also returns for a group change."""
        ...

    def seek(self, partition: Partition, offset: int) -> None:
        """Read *partition* from *offset* on, or from its first record where that is later."""
        ...

    def position(self, partition: Partition) -> int:
        """Return the offset of the next record to be read."""
        ...

    def at_end(self, partition: Partition) -> bool:
        """Whether nothing is left to read right now, by the broker's own word: asked since the last ``poll``.

        Take the time before you ask. Costs one request for all partitions; False where it can be told without.
        """
        ...

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store, for the group, the next offset to be read per partition."""
        ...

    def committed(self, partitions: Sequence[Partition]) -> Mapping[Partition, int | None]:
        """Return the group's stored offsets; None where there is none."""
        ...

    def offset_at(self, partition: Partition, timestamp: int) -> int:
        """Return the first offset whose record is at or after *timestamp* (ms), else the end offset."""
        ...

    def back(self, partition: Partition, offset: int, records: int) -> int:
        """Return an offset at most *records* records before *offset*; a backend that keeps few may say the first."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class Producer(Protocol):
    """Writes records; every one is acknowledged by all replicas before ``flush`` returns."""

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
    ) -> None:
        """Queue one record; the same key goes to the same partition.

        A header without a value is written as an empty one.
        """
        ...

    def put_back(self, partition: Partition, record: Record) -> None:
        """Queue *record* for exactly *partition*, with its key, headers and value.

        It is dated anew: a record that is older than what a topic retains could be deleted before it is read.
        """
        ...

    def flush(self) -> None:
        """Wait until everything queued is acknowledged.

        Raises:
            NotReadyError: something was not; what was sent may be there or not: send it all again.

        """
        ...

    def close(self) -> None:
        """Flush and close."""
        ...


class Stream(Protocol):
    """A broker."""

    def consumer(self, group: str, topics: Mapping[str, Start], *, client: str) -> Consumer:
        """Join *group* for *topics* (name to where a partition without a committed offset begins)."""
        ...

    def producer(self) -> Producer:
        """Return a new producer."""
        ...

    def ensure(self, spec: TopicSpec) -> None:
        """Create the topic where it is missing.

        Raises:
            NotReadyError: it can't be created here; names the topic and the settings to create it with.

        """
        ...

    def differences(self, spec: TopicSpec) -> Sequence[Difference]:
        """Return what of the topic differs from *spec*; nothing where it fits, or where there is no such topic."""
        ...

    def missing_rights(self, wanted: Sequence[Access]) -> Sequence[Access]:
        """Return what of *wanted* is not granted, as far as the server tells; nothing is changed by asking."""
        ...

    def partitions(self, topic: str) -> int | None:
        """Return how many partitions *topic* has, None where it does not exist."""
        ...

    def spans(self, topics: Sequence[str]) -> Mapping[Partition, Span]:
        """Ask the broker now for the offsets that every partition of *topics* holds."""
        ...

    def scan(
        self, topic: str, since: int | None = None, until: int | None = None
    ) -> Iterator[tuple[Partition, Record]]:
        """Yield every record that *topic* holds now, outside any group.

        Per partition from the first one with a timestamp from *since* on (ms), up to before the first from *until* on.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...
