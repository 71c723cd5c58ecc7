"""The Kafka backend of ``stream.base``, on kafka-python.

``KafkaStream`` opens consumers and producers and answers questions about topics; ``consumer``, ``producer``,
``settings`` (security) and ``trouble`` (why it does not answer) stand beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import TopicAlreadyExistsError

from dutyd.core.errors import NotReadyError
from dutyd.core.event import Record
from dutyd.core.topic import Start
from dutyd.stream.base import Partition, Span, TopicSpec
from dutyd.stream.kafka.consumer import KafkaGroupConsumer
from dutyd.stream.kafka.producer import KafkaRecordProducer
from dutyd.stream.kafka.settings import client_settings
from dutyd.stream.kafka.trouble import listen, reaching

UNKNOWN_TOPIC = 3
"""The broker's error code for a topic that is not there."""


class KafkaStream:
    """A Kafka cluster (``stream.base.Stream``)."""

    def __init__(self, url: str, security: Mapping[str, str]) -> None:
        listen()
        self._settings = client_settings(url, security)
        self._admin_client: Any = None
        self._reader_client: Any = None

    def consumer(self, group: str, topics: Mapping[str, Start], *, client: str) -> KafkaGroupConsumer:
        """See ``stream.base.Stream.consumer``."""
        return KafkaGroupConsumer(self._settings, group, topics, client)

    def producer(self) -> KafkaRecordProducer:
        """See ``stream.base.Stream.producer``."""
        return KafkaRecordProducer(self._settings)

    def ensure(self, spec: TopicSpec) -> None:
        """See ``stream.base.Stream.ensure``."""
        if self.partitions(spec.name) is not None:
            return
        wanted = {"num_partitions": spec.partitions, "replication_factor": -1, "configs": dict(spec.config)}
        try:
            with reaching(self._settings.servers, f"create topic {spec.name}"):
                self._admin.create_topics({spec.name: wanted}, wait_for_metadata=True)
        except NotReadyError as error:
            if isinstance(error.__cause__, TopicAlreadyExistsError):
                return
            said = ", ".join(f"{name}={value}" for name, value in spec.config.items()) or "none"
            raise NotReadyError(
                f"topic '{spec.name}' is missing and can't be created here ({error}); "
                f"create it with {spec.partitions} partitions and these settings: {said}"
            ) from error

    def partitions(self, topic: str) -> int | None:
        """See ``stream.base.Stream.partitions``."""
        with reaching(self._settings.servers, f"look for topic {topic}"):
            found = self._admin.describe_topics([topic])[0]
        if found["error_code"] == UNKNOWN_TOPIC:
            return None
        return len(found["partitions"])

    def spans(self, topics: Sequence[str]) -> Mapping[Partition, Span]:
        """See ``stream.base.Stream.spans``."""
        asked = [TopicPartition(topic, n) for topic in topics for n in range(self.partitions(topic) or 0)]
        with reaching(self._settings.servers, "ask for the offsets of topics"):
            begin = self._reader.beginning_offsets(asked)
            end = self._reader.end_offsets(asked)
        return {Partition(*each): Span(begin[each], end[each]) for each in asked}

    def scan(self, topic: str) -> Iterator[tuple[Partition, Record]]:
        """See ``stream.base.Stream.scan``."""
        left = {partition: span for partition, span in self.spans([topic]).items() if span.begin < span.end}
        reader = self._new_reader()
        try:
            reader.assign([TopicPartition(*partition) for partition in left])
            reader.seek_to_beginning()
            while left:
                with reaching(self._settings.servers, f"read {topic}"):
                    found = reader.poll(timeout_ms=500)
                for each, records in found.items():
                    partition = Partition(*each)
                    for record in records:
                        if partition in left and record.offset < left[partition].end:
                            yield partition, record
                left = {p: s for p, s in left.items() if reader.position(TopicPartition(*p)) < s.end}
        finally:
            reader.close()

    def close(self) -> None:
        """See ``stream.base.Stream.close``."""
        for client in (self._admin_client, self._reader_client):
            if client is not None:
                client.close()
        self._admin_client = self._reader_client = None

    @property
    def _admin(self) -> Any:
        if self._admin_client is None:
            self._admin_client = KafkaAdminClient(**self._settings.options)
        return self._admin_client

    @property
    def _reader(self) -> Any:
        if self._reader_client is None:
            self._reader_client = self._new_reader()
        return self._reader_client

    def _new_reader(self) -> Any:
        options = {"auto_offset_reset": "earliest", "isolation_level": "read_committed", "metrics_enabled": False}
        return KafkaConsumer(**self._settings.options, allow_auto_create_topics=False, **options)
