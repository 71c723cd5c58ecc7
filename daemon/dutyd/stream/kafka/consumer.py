"""A member of a Kafka consumer group: reads records, sees rebalances, commits between polls.

Group changes happen inside kafka-python's ``poll``, on its I/O thread. The listener there only pauses what was
assigned and marks the change; ``poll`` turns the marks into one answer afterwards, on the caller's thread. What is
paused is read only after the caller has seen the assignment and had its chance to ``seek``.

The range assignor takes everything away and gives it back at each rebalance. A partition that is ours before and
after, with exactly one group generation between, can't have had another owner: it stays ours, at its place, and is
not reported. Anything else is revoked and assigned anew.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from kafka import ConsumerRebalanceListener, TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.base import MemberState
from kafka.errors import (
    CommitFailedError,
    FencedInstanceIdError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from dutyd.core.errors import NotReadyError
from dutyd.core.event import Record
from dutyd.core.topic import Start
from dutyd.stream.base import Partition, Polled
from dutyd.stream.kafka.client import Door
from dutyd.stream.kafka.settings import REQUEST_MS, ClientSettings

HEARTBEAT_MS = 1_000
"""Also how soon a member learns that another one has joined."""

MAX_POLL_MS = 300_000
"""A member that does not poll for so long has its partitions taken away."""

END_MS = 5_000
"""How long ``at_end`` waits for an answer: it is asked between polls, so an outage must show soon."""

WAIT_MS = 200
"""How long a request for records may wait at a broker. It does not ask for partitions whose records were being read
when it left: what comes there meanwhile is seen when it ends."""

SLICE_SECONDS = 0.2
"""A group change is reported at most this much later than it happened."""

JOIN_SECONDS = 1.0
"""A poll waits so long, whatever its timeout, while the group finds its members: there is nothing to read then."""

_TOO_LATE = (
    CommitFailedError,
    FencedInstanceIdError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Mark:
    kind: Literal["assigned", "revoked", "lost"]
    generation: int
    partitions: frozenset[Partition]


class _Marks(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python ships no annotations
    """Pauses and remembers: it runs on the client's I/O thread, where nothing may block."""

    def __init__(self, kafka: Any) -> None:
        self._kafka = kafka
        self.found: list[_Mark] = []

    def on_partitions_revoked(self, revoked: set[Any]) -> None:
        self._mark("revoked", revoked)

    def on_partitions_lost(self, lost: set[Any]) -> None:
        self._mark("lost", lost)

    def on_partitions_assigned(self, assigned: set[Any]) -> None:
        self._kafka.pause(*assigned)
        self._mark("assigned", assigned)

    def _mark(self, kind: Literal["assigned", "revoked", "lost"], partitions: set[Any]) -> None:
        generation = self._kafka.group_metadata().generation_id
        self.found.append(_Mark(kind, generation, frozenset(Partition(*each) for each in partitions)))


class KafkaGroupConsumer:
    """One member of a consumer group (``stream.base.Consumer``)."""

    def __init__(self, door: Door, group: str, topics: Mapping[str, Start], client: str) -> None:
        self._door = door
        self._starts = topics
        self._next: dict[Partition, int] = {}  # ours, and the next offset to be read
        self._unplaced: set[Partition] = set()  # assigned, where to read from not yet known
        self._held: set[Partition] = set()  # paused until the next poll
        self._before: _Mark | None = None  # what a rebalance in progress took away
        self._ends: dict[Partition, int] = {}  # end offsets asked since the last poll
        options = _options(door.settings, group, client)
        self._kafka = door.reader(f"join group {group}", **options)
        self._marks = _Marks(self._kafka)
        self._kafka.subscribe(list(topics), listener=self._marks)

    def poll(self, timeout: float, limit: int) -> Polled:
        """See ``stream.base.Consumer.poll``."""
        self._ends.clear()
        self._release()
        began = time.monotonic()
        while True:
            left = max(0.0, self._patience(timeout) - (time.monotonic() - began))
            with self._door.reaching("read"):
                found = self._kafka.poll(timeout_ms=min(left, SLICE_SECONDS) * 1000, max_records=limit)
            polled = self._answer(found)
            if polled is not None:
                return polled
            if not self._joined:
                # kafka-python forgets a join that outlasts a poll when new partitions were its cause.
                self._kafka._coordinator.request_rejoin()  # noqa: SLF001  # there is no public way
            if time.monotonic() - began >= self._patience(timeout):
                if refused := self._door.refused():  # the client is quiet about it until it logs in again
                    raise NotReadyError(f"can't read at Kafka: {refused}")
                return Polled()

    def _patience(self, timeout: float) -> float:
        """Return how long this poll may take: a join that ends between two polls would begin again."""
        return timeout if self._joined else max(timeout, JOIN_SECONDS)

    @property
    def _joined(self) -> bool:
        return self._kafka.group_metadata().state is MemberState.STABLE

    def _answer(self, found: Mapping[Any, Sequence[Record]]) -> Polled | None:
        assigned, revoked, lost = self._changes()
        if not (found or assigned or revoked or lost):
            return None
        records = {Partition(*each): batch for each, batch in found.items()}
        for partition, batch in records.items():
            self._next[partition] = batch[-1].offset + 1
        return Polled(records, assigned, revoked, lost)

    def _changes(self) -> tuple[frozenset[Partition], frozenset[Partition], frozenset[Partition]]:
        """Turn what the listener marked into what was assigned, revoked and lost."""
        was = frozenset(self._next)
        gone: set[Partition] = set()
        lost: set[Partition] = set()
        while self._marks.found:
            mark = self._marks.found.pop(0)
            if mark.kind == "revoked":
                self._before = mark
            elif mark.kind == "lost":
                lost |= mark.partitions
                self._forget(mark.partitions)
            else:
                gone |= self._take(mark)
        now = frozenset(self._next)
        broken = gone | lost
        return now - (was - broken), was & gone - lost - now, was & lost - now

    def _take(self, mark: _Mark) -> frozenset[Partition]:
        """Take over a new assignment; return what was ours and is not, or not without a break."""
        before, self._before = self._before, None
        unbroken = before is not None and mark.generation == before.generation + 1
        kept = mark.partitions & frozenset(self._next) if unbroken else frozenset()
        gone = frozenset(self._next) - kept
        self._forget(gone)
        for partition in kept - self._unplaced:
            self._kafka.seek(TopicPartition(*partition), self._next[partition])
        for partition in mark.partitions - kept:
            self._next[partition] = 0
            self._unplaced.add(partition)
        self._held |= mark.partitions
        return gone

    def _forget(self, partitions: frozenset[Partition]) -> None:
        for partition in partitions:
            self._next.pop(partition, None)
        self._unplaced -= partitions
        self._held -= partitions

    def _release(self) -> None:
        self._place()
        if self._held:
            self._kafka.resume(*(TopicPartition(*each) for each in self._held))
            self._held.clear()

    def _place(self) -> None:
        """Go to the committed offset, or to where the topic's start says, in what nobody has sought yet."""
        if not self._unplaced:
            return
        committed = self.committed(sorted(self._unplaced))
        for partition, offset in committed.items():
            start = self._starts[partition.topic]
            self.seek(partition, self._edge(partition, start) if offset is None else offset)

    def _edge(self, partition: Partition, start: Start) -> int:
        edge = self._kafka.beginning_offsets if start is Start.EARLIEST else self._kafka.end_offsets
        with self._door.reaching(f"ask for the offsets of {partition.topic}"):
            return int(edge([TopicPartition(*partition)])[TopicPartition(*partition)])

    def seek(self, partition: Partition, offset: int) -> None:
        """See ``stream.base.Consumer.seek``."""
        self._kafka.seek(TopicPartition(*partition), offset)
        self._next[partition] = offset
        self._unplaced.discard(partition)

    def position(self, partition: Partition) -> int:
        """See ``stream.base.Consumer.position``."""
        self._place()
        with self._door.reaching("find the position"):
            found = self._kafka.position(TopicPartition(*partition), timeout_ms=REQUEST_MS)
        if found is None:
            raise NotReadyError(f"Kafka {self._door.settings.servers} does not say where {partition} begins")
        return int(found)

    def at_end(self, partition: Partition) -> bool:
        """See ``stream.base.Consumer.at_end``."""
        position = self.position(partition)
        highwater = self._kafka.highwater(TopicPartition(*partition))
        if highwater is not None and position < highwater:
            return False
        if partition not in self._ends:
            asked = [TopicPartition(*each) for each in self._next]
            with self._door.reaching("ask for end offsets"):
                ends = self._kafka.end_offsets(asked, timeout_ms=END_MS)
            self._ends = {Partition(*each): end for each, end in ends.items()}
        return position >= self._ends[partition]

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """See ``stream.base.Consumer.commit``."""
        ours = {
            TopicPartition(*partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
            if partition in self._next
        }
        if not ours:
            return
        try:
            with self._door.reaching("commit"):
                self._kafka.commit(ours, timeout_ms=REQUEST_MS)
        except NotReadyError as error:
            if not isinstance(error.__cause__, _TOO_LATE):
                raise
            log.info("commit came too late for a rebalance", partitions=len(ours))

    def committed(self, partitions: Sequence[Partition]) -> Mapping[Partition, int | None]:
        """See ``stream.base.Consumer.committed``."""
        with self._door.reaching("read committed offsets"):
            return {each: self._kafka.committed(TopicPartition(*each), timeout_ms=REQUEST_MS) for each in partitions}

    def offset_at(self, partition: Partition, timestamp: int) -> int:
        """See ``stream.base.Consumer.offset_at``."""
        asked = TopicPartition(*partition)
        with self._door.reaching("look up an offset by time"):
            found = self._kafka.offsets_for_times({asked: max(0, timestamp)})[asked]
        return self._edge(partition, Start.LATEST) if found is None else int(found.offset)

    def back(self, partition: Partition, offset: int, records: int) -> int:
        """See ``stream.base.Consumer.back``; offsets that hold no record count, too."""
        del partition
        return max(0, offset - records)

    def close(self) -> None:
        """See ``stream.base.Consumer.close``."""
        self._kafka.close(autocommit=False, timeout_ms=5_000)


def _options(settings: ClientSettings, group: str, client: str) -> dict[str, Any]:
    return {
        "group_id": group,
        "client_id": client,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "partition_assignment_strategy": [RangePartitionAssignor()],
        "session_timeout_ms": settings.session_ms,
        "heartbeat_interval_ms": HEARTBEAT_MS,
        "max_poll_interval_ms": MAX_POLL_MS,
        "allow_auto_create_topics": False,
        "isolation_level": "read_committed",
        "fetch_max_wait_ms": WAIT_MS,
        "max_partition_fetch_bytes": 4 * 1024 * 1024,
        "metrics_enabled": False,
    }
