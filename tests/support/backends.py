"""A stream backend under test: a server, an empty topic on it, and ways to use them that end with the test."""

from dataclasses import dataclass
from typing import Protocol

import pytest

from dutyd.core.topic import Start
from dutyd.stream.base import Consumer, Partition, Span, Stream


class NewMember(Protocol):
    """Makes a member of the test's group."""

    def __call__(self, start: Start = Start.EARLIEST) -> Consumer: ...


@dataclass
class Backend:
    """One of the two.

    Attributes:
        name: ``redis`` or ``kafka``.
        stream: open on a real server.
        topic: empty, with three partitions where there can be as many.
        lacks: what the mock broker can't do.
        member: makes a member of the test's group.

    """

    name: str
    stream: Stream
    topic: str
    lacks: frozenset[str]
    member: NewMember

    def needs(self, ability: str) -> None:
        """Skip the test where the mock broker can't do it."""
        if ability in self.lacks:
            pytest.skip(f"the mock broker lacks: {ability}")

    def filled(self) -> list[tuple[Partition, Span]]:
        """The partitions that hold something."""
        return [each for each in self.stream.spans([self.topic]).items() if each[1].begin < each[1].end]

    def produce(self, *records: bytes, key: bytes | None = None) -> None:
        """Write to the topic and wait for the acknowledgement."""
        producer = self.stream.producer()
        for record in records:
            producer.send(self.topic, record, key=key)
        producer.close()
