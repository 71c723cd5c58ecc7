"""The Kafka producer: idempotent, acknowledged by all replicas, failures gathered until ``flush``.

Used by the evaluate path for triggers, by the accept path for outcomes, and for dead letters. After a failed flush
kafka-python's producer may hold batches of unknown fate, so it is given up and the next ``send`` starts a new one:
what comes twice carries the same ids.
"""

import contextlib
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from dutyd.core.errors import NotReadyError
from dutyd.core.event import Headers, Record
from dutyd.stream.base import Partition
from dutyd.stream.kafka.client import Door

DELIVERY_MS = 30_000
FLUSH_SECONDS = 40.0
CLOSE_SECONDS = 5.0
MAX_BYTES = 16 * 1024 * 1024
"""What the client lets through; the broker's own limit per topic decides."""


class KafkaRecordProducer:
    """A producer (``stream.base.Producer``)."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._kafka: Any = None
        self._failed: list[BaseException] = []

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
    ) -> None:
        """See ``stream.base.Producer.send``."""
        self._queue(topic, value=value, key=key, headers=_with_values(headers))

    def put_back(self, partition: Partition, record: Record) -> None:
        """See ``stream.base.Producer.put_back``: whoever produced it may have spread keys in another way than we do."""
        self._queue(
            partition.topic,
            value=record.value,
            key=record.key,
            headers=_with_values(record.headers),
            partition=partition.number,
        )

    def _queue(self, topic: str, **record: Any) -> None:
        what = f"send to {topic}"
        if self._kafka is None:
            self._failed = []  # one given up may still add to its own
            self._kafka = self._door.client(KafkaProducer, what, **_options())
        with self._door.reaching(what):
            self._kafka.send(topic, **record).add_errback(self._failed.append)

    def flush(self) -> None:
        """See ``stream.base.Producer.flush``."""
        if self._kafka is None:
            return
        try:
            with self._door.reaching("have records acknowledged"):
                self._kafka.flush(timeout=FLUSH_SECONDS)
                if self._failed:
                    raise self._failed[0]
        except NotReadyError:
            self._give_up()
            raise

    def _give_up(self) -> None:
        kafka, self._kafka = self._kafka, None
        # close() alone would wait for what can't be sent, and leave its thread behind when that takes too long.
        kafka._sender.force_close()  # noqa: SLF001  # there is no public way
        kafka._sender.join(CLOSE_SECONDS)  # noqa: SLF001  # same
        with contextlib.suppress(KafkaError):
            kafka.close(timeout=0)

    def close(self) -> None:
        """See ``stream.base.Producer.close``."""
        self.flush()
        if self._kafka is not None:
            self._kafka.close(timeout=CLOSE_SECONDS)
            self._kafka = None


def _with_values(headers: Headers) -> list[tuple[str, bytes]]:
    """Return *headers* as the client takes them: to it, one without a value is an error."""
    return [(name, content or b"") for name, content in headers]


def _options() -> dict[str, Any]:
    return {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": "lz4",
        "linger_ms": 0,  # what is sent meanwhile makes a batch anyway; waiting gains nothing
        "delivery_timeout_ms": DELIVERY_MS,
        "max_block_ms": DELIVERY_MS,
        "max_request_size": MAX_BYTES,
        "allow_auto_create_topics": False,
        "metrics_enabled": False,
    }
