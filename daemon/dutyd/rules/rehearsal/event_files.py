"""Events in files: what a topic's records would be, one document or one line each.

``rules eval`` and ``explain`` read a document, ``backtest`` a file of lines; both decode as the evaluator does. A file
has no record timestamps: the event's own time is its arrival.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dutyd.core.errors import BadInputError
from dutyd.core.event import Event
from dutyd.core.topic import Format, Topic
from dutyd.stream.formats import Decoded, Decoder

PLAIN = Topic(alias="events", topic="events", format=Format.FLAT)
"""How events are read where no topic is named: an object's members are its fields, inner objects by dots."""

NO_TIMESTAMP = -1


class Line(NamedTuple):
    """A record of a file: as the decoder reads records, its line number (from 1) for the offset."""

    value: bytes
    offset: int
    timestamp: int = NO_TIMESTAMP
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def read_document(data: bytes, topic: Topic = PLAIN) -> tuple[Event, ...]:
    """Return the events of one JSON document; one without a time happened at the beginning of the epoch.

    Raises:
        BadInputError: it can't be understood, or holds no event.

    """
    decoder = Decoder(topic, 0)
    decoded = decoder.decode([Line(data, 0)])
    if decoded.bad:
        decoded = decoder.decode([Line(data, 0, timestamp=0)])
    if decoded.bad:
        several = "trailing characters" in decoded.bad[0].reason
        hint = ": several are one document with [ and ] around them, and commas between" if several else ""
        raise BadInputError(f"{decoded.bad[0].reason}{hint}")
    if not decoded.events:
        raise BadInputError("there is no event in it")
    return tuple(decoded.events)


def read_lines(raw: Iterable[bytes], start: int = 1) -> Iterator[Line]:
    """Yield the lines of a file that hold something."""
    for number, line in enumerate(raw, start):
        value = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if value:
            yield Line(value, number)


__all__ = ["PLAIN", "Decoded", "Line", "read_document", "read_lines"]
