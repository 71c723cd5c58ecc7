"""The Kafka backend of ``stream.base``, on kafka-python.

``KafkaStream`` opens consumers and producers and answers questions about topics. Beside it stand ``consumer`` and
``producer``; ``client`` (the door, and ``knock``); ``settings`` and ``security``; ``topic_fit`` and ``rights``; and
``trouble`` (why it does not answer).
"""

import contextlib
import functools
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import structlog
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    KafkaTimeoutError,
    NoError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    UnsupportedVersionError,
    for_code,
)

from dutyd.core.errors import NotReadyError
from dutyd.core.event import Record
from dutyd.core.topic import Start
from dutyd.stream.base import Partition, Span, TopicSpec
from dutyd.stream.fit import Access, Difference
from dutyd.stream.kafka.client import Door
from dutyd.stream.kafka.consumer import KafkaGroupConsumer
from dutyd.stream.kafka.producer import KafkaRecordProducer
from dutyd.stream.kafka.rights import missing_rights
from dutyd.stream.kafka.security import readable_login
from dutyd.stream.kafka.settings import REQUEST_MS, client_settings
from dutyd.stream.kafka.topic_fit import FoundTopic, differences
from dutyd.stream.kafka.trouble import listen

SILENT_SECONDS = REQUEST_MS / 1000
"""How long a topic may bring nothing while it is read as a whole."""

log = structlog.get_logger()


class KafkaStream:
    """A Kafka cluster (``stream.base.Stream``)."""

    def __init__(self, url: str, security: Mapping[str, str]) -> None:
        listen()
        self._door = Door(client_settings(url, security))
        self._servers = self._door.settings.servers
        if readable := readable_login(self._door.settings.options):
            _warn_of(self._servers, readable)
        self._lock = threading.Lock()  # the clients below are not for several threads
        self._admin_client: Any = None
        self._reader: Any = None

    def consumer(self, group: str, topics: Mapping[str, Start], *, client: str) -> KafkaGroupConsumer:
        """See ``stream.base.Stream.consumer``."""
        return KafkaGroupConsumer(self._door, group, topics, client)

    def producer(self) -> KafkaRecordProducer:
        """See ``stream.base.Stream.producer``."""
        return KafkaRecordProducer(self._door)

    def ensure(self, spec: TopicSpec) -> None:
        """See ``stream.base.Stream.ensure``."""
        if self.partitions(spec.name) is not None:
            return
        wanted = {"num_partitions": spec.partitions, "replication_factor": -1, "configs": dict(spec.config)}
        what = f"create topic {spec.name}"
        try:
            with self._lock, self._door.reaching(what):
                answer = self._admin(what).create_topics({spec.name: wanted}, raise_errors=False)["topics"][0]
                if answer["error_code"]:
                    raise for_code(answer["error_code"])(answer["error_message"])
                self._admin(what).wait_for_topics([spec.name])
        except NotReadyError as error:
            if isinstance(error.__cause__, TopicAlreadyExistsError):
                return
            said = ", ".join(f"{name}={value}" for name, value in spec.config.items()) or "none"
            raise NotReadyError(
                f"topic '{spec.name}' is missing and can't be created here ({error}); "
                f"create it with {spec.partitions} partitions and these settings: {said}"
            ) from error

    def differences(self, spec: TopicSpec) -> Sequence[Difference]:
        """See ``stream.base.Stream.differences``."""
        found = self._look_at(spec.name)
        return differences(spec, found, self._servers) if found else ()

    def _look_at(self, topic: str) -> FoundTopic | None:
        what = f"look at the settings of topic {topic}"
        described = self._described([topic], what)
        if not described:
            return None
        config: Mapping[str, Any] = {}
        with self._lock, self._door.reaching(what):
            brokers = self._admin(what).describe_cluster()["brokers"]
            resource = ConfigResource(ConfigResourceType.TOPIC, topic)
            with contextlib.suppress(UnsupportedVersionError):  # then nobody can see the settings
                config = self._admin(what).describe_configs([resource], config_filter="all")["topic"][topic]
        partitions = described[0]["partitions"]
        copies = min(len(partition["replica_nodes"]) for partition in partitions)
        return FoundTopic(
            len(partitions), copies, len(brokers), {name: str(each["value"]) for name, each in config.items()}
        )

    def missing_rights(self, wanted: Sequence[Access]) -> Sequence[Access]:
        """See ``stream.base.Stream.missing_rights``."""
        what = "ask for this client's rights"
        with self._lock, self._door.reaching(what):
            return tuple(missing_rights(self._admin(what), wanted))

    def partitions(self, topic: str) -> int | None:
        """See ``stream.base.Stream.partitions``."""
        return self._counts([topic]).get(topic)

    def spans(self, topics: Sequence[str]) -> Mapping[Partition, Span]:
        """See ``stream.base.Stream.spans``."""
        asked = [TopicPartition(topic, n) for topic, count in self._counts(topics).items() for n in range(count)]
        what = "ask for the offsets of topics"
        with self._lock, self._door.reaching(what):
            try:
                begin, end = self._edges(asked, what)
            except KeyError:  # the client's picture is older than partitions that were added: a new one asks anew
                self._reader.close()
                self._reader = None
                begin, end = self._edges(asked, what)
        return {Partition(*each): Span(begin[each], end[each]) for each in asked}

    def _edges(self, asked: Sequence[Any], what: str) -> tuple[Mapping[Any, int], Mapping[Any, int]]:
        """Return the first offset and the next one of each partition; KeyError: the client does not know one yet."""
        if self._reader is None:
            self._reader = self._open_reader(what)
        return self._reader.beginning_offsets(asked), self._reader.end_offsets(asked)

    def _counts(self, topics: Sequence[str]) -> Mapping[str, int]:
        """Ask how many partitions each of the *topics* that exist has."""
        found = self._described(topics, f"look for topic {', '.join(topics)}")
        return {each["name"]: len(each["partitions"]) for each in found}

    def _described(self, topics: Sequence[str], what: str) -> Sequence[Mapping[str, Any]]:
        """Ask for what the broker says of those of the *topics* that exist."""
        with self._lock, self._door.reaching(what):
            found = self._admin(what).describe_topics(list(topics)) if topics else []
            for each in found:
                problem = for_code(each["error_code"])
                if problem not in (NoError, UnknownTopicOrPartitionError):
                    raise problem(each["name"])
        return [each for each in found if not each["error_code"]]

    def scan(
        self, topic: str, since: int | None = None, until: int | None = None
    ) -> Iterator[tuple[Partition, Record]]:
        """See ``stream.base.Stream.scan``."""
        left = {partition: span.end for partition, span in self.spans([topic]).items() if span.begin < span.end}
        if not left:
            return
        reader = self._open_reader(f"read {topic}")
        try:
            reader.assign([TopicPartition(*partition) for partition in left])
            with self._door.reaching(f"read {topic}"):
                left = _ends(reader, left, until)
                _seek(reader, left, since)
                left = {p: end for p, end in left.items() if reader.position(TopicPartition(*p)) < end}
            while left:
                with self._door.reaching(f"read {topic}"):
                    found = _next(reader, left)
                    left_after = {p: end for p, end in left.items() if reader.position(TopicPartition(*p)) < end}
                for each, records in found.items():
                    partition = Partition(*each)
                    yield from ((partition, record) for record in records if record.offset < left.get(partition, 0))
                left = left_after
        finally:
            reader.close()

    def close(self) -> None:
        """See ``stream.base.Stream.close``."""
        for client in (self._admin_client, self._reader):
            if client is not None:
                client.close()
        self._admin_client = self._reader = None

    def _admin(self, what: str) -> Any:
        if self._admin_client is None:
            self._admin_client = self._door.client(KafkaAdminClient, what)
        return self._admin_client

    def _open_reader(self, what: str) -> Any:
        return self._door.reader(what, **_READER)


@functools.cache  # once a process, however many streams it opens
def _warn_of(servers: str, what: str) -> None:
    log.warning("logins in the clear: whoever listens on the network reads them", servers=servers, what=what)


_READER = {
    "group_id": None,
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}


def _next(reader: Any, ends: Iterable[Partition]) -> Mapping[Any, Sequence[Record]]:
    """Return the next records, none where only a place was passed that holds none.

    Raises:
        KafkaTimeoutError: the broker was silent for ``SILENT_SECONDS``; the client would wait for it for ever.

    """
    before, until = _positions(reader, ends), time.monotonic() + SILENT_SECONDS
    while not (found := reader.poll(timeout_ms=500)) and _positions(reader, ends) == before:
        if time.monotonic() >= until:
            raise KafkaTimeoutError(f"nothing came for {SILENT_SECONDS:g} s, and it is not read to its end")
    records: Mapping[Any, Sequence[Record]] = found
    return records


def _positions(reader: Any, partitions: Iterable[Partition]) -> list[int]:
    return [reader.position(TopicPartition(*each)) for each in partitions]


def _ends(reader: Any, ends: Mapping[Partition, int], until: int | None) -> dict[Partition, int]:
    """Return where to stop: at the first records from *until* on (ms), where there are such."""
    if until is None:
        return dict(ends)
    found = reader.offsets_for_times({TopicPartition(*partition): max(0, until) for partition in ends})
    return {
        partition: end if (at := found.get(TopicPartition(*partition))) is None else min(end, at.offset)
        for partition, end in ends.items()
    }


def _seek(reader: Any, ends: Mapping[Partition, int], since: int | None) -> None:
    """Set *reader* to the first records from *since* on (ms); where there are none, to the end."""
    if since is None:
        reader.seek_to_beginning()
        return
    found = reader.offsets_for_times({TopicPartition(*partition): max(0, since) for partition in ends})
    for partition, at in found.items():
        reader.seek(partition, ends[Partition(*partition)] if at is None else at.offset)
