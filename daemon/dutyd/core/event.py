"""The event: one fact about the world, read from a record of a topic.

Made by ``stream.formats`` (and by the readers of files), judged by ``evaluate.engine``. It is a small frozen
struct because one is made for every fact that arrives: speed here is the speed of the whole intake.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

OWN_SOURCE = "dutyd"
"""The source of events that dutyd publishes about itself: judging them would be a loop."""

Headers = Sequence[tuple[str, bytes | None]]
"""A record's headers, in order; on Kafka one may have no value."""


class Record(Protocol):
    """What a topic holds: kafka-python's ``ConsumerRecord`` fits as it is."""

    @property
    def offset(self) -> int:
        """Its position in its topic partition."""
        ...

    @property
    def timestamp(self) -> int:
        """When, milliseconds since the epoch."""
        ...

    @property
    def key(self) -> bytes | None:
        """The key, None where it has none."""
        ...

    @property
    def value(self) -> bytes | None:
        """The value, None for a tombstone."""
        ...

    @property
    def headers(self) -> Headers:
        """The headers."""
        ...


class Event(msgspec.Struct, frozen=True, gc=False):
    """One fact: who says so, when, and named fields.

    Attributes:
        id: the producer's id of the event, else topic/partition/offset/index.
        source: who published it, else the topic's alias.
        time: event time, seconds since the epoch, never later than *arrival*.
        arrival: the record's timestamp, seconds since the epoch; in files the event's own time.
        offset: the offset of the record that carried it.
        fields: field name (inner objects joined by dots) to text, number, bool, null or list.
        told: the time that the event says, where that is later than *arrival*; None: *time* is what it says.
    """

    id: str
    source: str
    time: float
    arrival: float
    offset: int
    fields: dict[str, Any]
    told: float | None = None

    @property
    def identity(self) -> str:
        """Source, id and time: equal for the same fact told twice (for de-duplication, and as what opened an incident).

        The time is what the event says, however late its record came: one that is sent again arrives at another time.
        """
        return identity_of(self.source, self.id, self.time if self.told is None else self.told)


def identity_of(source: str, id_: str, time: float) -> str:
    """Return the identity of the event *id_* of *source* at *time*, seconds since the epoch."""
    return f"{source}|{id_}|{time:.6f}"
