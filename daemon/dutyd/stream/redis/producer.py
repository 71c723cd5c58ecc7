"""The producer over Redis streams: entries queue here and go out in one pipeline.

Used like Kafka's; the server that acknowledges is the one that the ledger stands on, so its fsync policy is what the
acknowledgement means.
"""

from typing import TYPE_CHECKING, Any

from dutyd.core.event import Headers, Record
from dutyd.stream.base import Partition
from dutyd.stream.redis.entries import fields_of
from dutyd.stream.redis.server import reaching

if TYPE_CHECKING:
    import redis

QUEUE = 1_000
"""Entries that queue before they are sent without waiting for ``flush``."""


class RedisRecordProducer:
    """A producer (``stream.base.Producer``)."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._queue: list[tuple[str, dict[Any, Any]]] = []

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
    ) -> None:
        """See ``stream.base.Producer.send``; also raises what ``flush`` raises."""
        self._queue.append((topic, dict(fields_of(value, key, headers))))
        if len(self._queue) >= QUEUE:
            self.flush()

    def put_back(self, partition: Partition, record: Record) -> None:
        """See ``stream.base.Producer.put_back``; there is one partition."""
        self.send(partition.topic, record.value, key=record.key, headers=record.headers)

    def flush(self) -> None:
        """See ``stream.base.Producer.flush``."""
        queue, self._queue = self._queue, []
        if not queue:
            return
        with reaching("write records"), self._client.pipeline(transaction=False) as pipeline:
            for topic, fields in queue:
                pipeline.xadd(topic, fields)
            pipeline.execute()

    def close(self) -> None:
        """See ``stream.base.Producer.close``."""
        self.flush()
