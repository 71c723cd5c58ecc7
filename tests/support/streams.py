"""Reading streams in tests: poll until something is there, never sleep for a guessed time."""

import time
from collections import defaultdict
from collections.abc import Callable

from dutyd.core.event import Record
from dutyd.stream.base import Consumer, Partition, Polled

PATIENCE = 30.0
"""Seconds after which a test gives up waiting; nothing takes that long."""

Records = dict[Partition, list[Record]]


def poll_until(consumer: Consumer, enough: Callable[[Polled], object], *others: Consumer) -> Polled:
    """Poll *consumer*, and the others between, until one of its answers is *enough*."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        polled = consumer.poll(0.2, 500)
        if enough(polled):
            return polled
        for other in others:
            other.poll(0.0, 500)
    raise AssertionError("nothing came")


def join(consumer: Consumer, *others: Consumer) -> frozenset[Partition]:
    """Poll until the consumer is assigned something."""
    return poll_until(consumer, lambda polled: polled.assigned, *others).assigned


def read(consumer: Consumer, count: int) -> Records:
    """Poll until *count* records came."""
    found: Records = defaultdict(list)
    left = count

    def collect(polled: Polled) -> bool:
        nonlocal left
        for partition, records in polled.records.items():
            found[partition] += records
            left -= len(records)
        return left <= 0

    poll_until(consumer, collect)
    return found


def values(found: Records) -> list[bytes | None]:
    """Return the values of all records, sorted."""
    return sorted((record.value for records in found.values() for record in records), key=lambda value: value or b"")
