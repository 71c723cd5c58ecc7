"""A member of a group over Redis streams: one reads, the others stand by (see ``lease``).

``poll`` tries for the lease; who has it reads with ``XREAD``, which waits on the server and does not spin. Positions
are the ids of the last entries read: exact even where two entries share an offset.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from dutyd.core.topic import Start
from dutyd.stream.base import Partition, Polled
from dutyd.stream.redis.entries import Entry, entry, id_before, offset_of
from dutyd.stream.redis.lease import Lease
from dutyd.stream.redis.server import edges, reaching

if TYPE_CHECKING:
    import redis

TRY_SECONDS = 0.2
"""How often one that stands by tries for the lease."""

BLOCK_SECONDS = 1.0
"""The longest single wait on the server: below every socket timeout, and well below the lease."""

log = structlog.get_logger()


class RedisGroupConsumer:
    """One member of a group (``stream.base.Consumer``)."""

    def __init__(self, client: "redis.Redis", group: str, topics: Mapping[str, Start], lease: Lease) -> None:
        self._client = client
        self._group = group
        self._starts = topics
        self._all = frozenset(Partition(topic, 0) for topic in topics)
        self._lease = lease
        self._after: dict[str, bytes] = {}  # ours and placed: the id after which to read on
        self._reading = False

    def poll(self, timeout: float, limit: int) -> Polled:
        """See ``stream.base.Consumer.poll``."""
        with reaching("read"):
            if not self._reading:
                return self._stand_by(timeout)
            if not self._lease.keep():
                self._reading = False
                self._after.clear()
                return Polled(lost=self._all)
            self._place()
            return Polled(self._read(timeout, limit))

    def _stand_by(self, timeout: float) -> Polled:
        deadline = time.monotonic() + timeout
        while not self._lease.acquire():
            left = deadline - time.monotonic()
            if left <= 0:
                return Polled()
            time.sleep(min(left, TRY_SECONDS))
        self._reading = True
        return Polled(assigned=self._all)

    def _read(self, timeout: float, limit: int) -> dict[Partition, Sequence[Entry]]:
        share = max(1, limit // len(self._after))
        block = int(min(timeout, BLOCK_SECONDS) * 1000)
        answer: Any = self._client.xread(self._after, count=share, block=block or None)  # type: ignore[arg-type]  # redis-py asks for invariant dicts
        found: dict[Partition, Sequence[Entry]] = {}
        for name, batch in answer.items() if isinstance(answer, dict) else answer or ():
            topic = name.decode()
            records = [entry(*each) for each in batch]
            self._after[topic] = records[-1].id
            found[Partition(topic, 0)] = records
        return found

    def _place(self) -> None:
        """Go to the committed offset, or to where the topic's start says, in what nobody has sought yet."""
        unplaced = [topic for topic in self._starts if topic not in self._after]
        if not unplaced:
            return
        for topic, offset in zip(unplaced, self._lease.committed(unplaced), strict=True):
            self._after[topic] = id_before(self._start(topic) if offset is None else offset)

    def _start(self, topic: str) -> int:
        return 0 if self._starts[topic] is Start.EARLIEST else edges(self._client, topic).end

    def seek(self, partition: Partition, offset: int) -> None:
        """See ``stream.base.Consumer.seek``."""
        self._after[partition.topic] = id_before(offset)

    def position(self, partition: Partition) -> int:
        """See ``stream.base.Consumer.position``."""
        with reaching("find the position"):
            self._place()
        after = self._after[partition.topic]
        return offset_of(after) + 1 if after != b"0-0" else 0

    def at_end(self, partition: Partition) -> bool:
        """See ``stream.base.Consumer.at_end``."""
        with reaching("ask for the end"):
            self._place()
            return not self._client.xrange(partition.topic, b"(" + self._after[partition.topic], "+", count=1)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """See ``stream.base.Consumer.commit``."""
        ours = {partition.topic: offset for partition, offset in offsets.items() if partition in self._all}
        if not ours or not self._reading:
            return
        with reaching("commit"):
            stored = self._lease.commit(ours)
        if not stored:
            log.info("commit came too late: another process reads now", group=self._group)

    def committed(self, partitions: Sequence[Partition]) -> Mapping[Partition, int | None]:
        """See ``stream.base.Consumer.committed``."""
        with reaching("read committed offsets"):
            return dict(zip(partitions, self._lease.committed([each.topic for each in partitions]), strict=True))

    def offset_at(self, partition: Partition, timestamp: int) -> int:
        """See ``stream.base.Consumer.offset_at``."""
        with reaching("look up an offset by time"):
            first: Any = self._client.xrange(partition.topic, b"%d" % max(0, timestamp), "+", count=1)
            return offset_of(first[0][0]) if first else edges(self._client, partition.topic).end

    def back(self, partition: Partition, offset: int, records: int) -> int:
        """See ``stream.base.Consumer.back``; offsets don't count records here, and streams are trimmed."""
        del partition, offset, records
        return 0

    def close(self) -> None:
        """See ``stream.base.Consumer.close``."""
        with reaching("leave the group"):
            self._lease.release()
        self._reading = False
