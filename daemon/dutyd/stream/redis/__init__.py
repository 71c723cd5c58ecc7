"""The Redis Streams backend of ``stream.base``: for a laptop or one small box, on any Redis or Valkey server.

A topic is a stream of the topic's name, with one partition, number 0. ``entries`` says how records and offsets look,
``lease`` how one process of a group reads while the others stand by.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dutyd.core.event import Record
from dutyd.core.topic import Start
from dutyd.stream.base import Partition, Span, TopicSpec
from dutyd.stream.fit import Access, Difference
from dutyd.stream.redis.consumer import RedisGroupConsumer
from dutyd.stream.redis.entries import BITS, entry, id_of
from dutyd.stream.redis.lease import SECONDS, Lease
from dutyd.stream.redis.producer import RedisRecordProducer
from dutyd.stream.redis.server import edges, reaching

if TYPE_CHECKING:
    import redis

PAGE = 1_000
"""Entries that ``scan`` asks for at a time."""


class RedisStream:
    """A Redis server (``stream.base.Stream``).

    Args:
        client: a plain client (``decode_responses=False``) whose socket timeout is above two seconds.
        lease: seconds after which a silent member of a group is replaced.

    """

    def __init__(self, client: "redis.Redis", *, lease: float = SECONDS) -> None:
        self._client = client
        self._lease = lease

    def consumer(self, group: str, topics: Mapping[str, Start], *, client: str) -> RedisGroupConsumer:
        """See ``stream.base.Stream.consumer``; *client* is of no use to Redis."""
        del client
        return RedisGroupConsumer(self._client, group, topics, Lease(self._client, group, self._lease))

    def producer(self) -> RedisRecordProducer:
        """See ``stream.base.Stream.producer``."""
        return RedisRecordProducer(self._client)

    def ensure(self, spec: TopicSpec) -> None:
        """See ``stream.base.Stream.ensure``; settings are Kafka's, and one partition is all there is."""
        with reaching(f"create topic {spec.name}"), self._client.pipeline(transaction=True) as pipeline:
            # Redis makes an empty stream only for a consumer group.
            pipeline.xgroup_create(spec.name, "ensure", mkstream=True)
            pipeline.xgroup_destroy(spec.name, "ensure")
            pipeline.execute()

    def differences(self, spec: TopicSpec) -> Sequence[Difference]:
        """See ``stream.base.Stream.differences``; a Redis stream has no settings."""
        del spec
        return ()

    def missing_rights(self, wanted: Sequence[Access]) -> Sequence[Access]:
        """See ``stream.base.Stream.missing_rights``; who may log in to Redis may do everything that is needed."""
        del wanted
        return ()

    def partitions(self, topic: str) -> int | None:
        """See ``stream.base.Stream.partitions``."""
        with reaching(f"look for topic {topic}"):
            return 1 if self._client.exists(topic) else None

    def spans(self, topics: Sequence[str]) -> Mapping[Partition, Span]:
        """See ``stream.base.Stream.spans``."""
        with reaching("ask for the offsets of topics"):
            return {Partition(topic, 0): edges(self._client, topic) for topic in topics if self._client.exists(topic)}

    def scan(
        self, topic: str, since: int | None = None, until: int | None = None
    ) -> Iterator[tuple[Partition, Record]]:
        """See ``stream.base.Stream.scan``."""
        with reaching(f"read {topic}"):
            span = edges(self._client, topic)
            end = span.end if until is None else min(span.end, max(0, until) << BITS)
            after, last = b"-" if since is None else b"%d-0" % max(0, since), b"(" + id_of(end)
            more = span.begin < end
            while more:
                page: Any = self._client.xrange(topic, after, last, count=PAGE)
                for each in page:
                    yield Partition(topic, 0), entry(*each)
                more = len(page) == PAGE
                after = b"(" + page[-1][0] if more else after

    def close(self) -> None:
        """See ``stream.base.Stream.close``."""
        self._client.close()
