"""Writes events as producers do: one record a line, keyed by the topic's ``partitioned_by`` values.

Lines of a JSONL file come in; records go out, into a topic that is created where it is missing. ``dutyd publish``, the
demo and the tests use it, so that what they write is partitioned as the rules expect. The key is found by decoding the
line as the evaluator will, which also finds the lines that it could not understand.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dutyd.core.errors import BadInputError
from dutyd.core.expr import number_text
from dutyd.core.topic import Topic, record_key
from dutyd.stream.base import Producer, Stream, TopicSpec
from dutyd.stream.formats import Decoder

FLUSH_EVERY = 5_000
"""Records between two waits for acknowledgements: memory stays flat, and progress is true."""


class Line(NamedTuple):
    """One line: its number (1-based) and its bytes without the line end."""

    number: int
    value: bytes


class BadLine(NamedTuple):
    """A line that holds no events, and why."""

    number: int
    reason: str


class _LineRecord(NamedTuple):
    """A line as the decoder reads records; a record that is being published has no history to speak of."""

    value: bytes
    offset: int = 0
    timestamp: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """What was written.

    Attributes:
        records: how many.
        without_key: how many of them lack a ``partitioned_by`` field: rules over those fields will not see them.

    """

    records: int
    without_key: int


def read_lines(raw: Iterable[bytes]) -> Iterator[Line]:
    """Yield the lines of a file that hold something."""
    for number, line in enumerate(raw, 1):
        value = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if value:
            yield Line(number, value)


class Keys:
    """Finds the record keys of *topic*."""

    def __init__(self, topic: Topic) -> None:
        self._fields = topic.partitioned_by
        self._decoder = Decoder(topic, 0)

    def of(self, value: bytes) -> bytes | None:
        """Return the key of a record with *value*; None where it has none.

        Raises:
            BadInputError: the value can't be understood, or its events belong under several keys.

        """
        decoded = self._decoder.decode([_LineRecord(value)])
        if decoded.bad:
            raise BadInputError(decoded.bad[0].reason)
        found = {tuple(_as_text(event.fields.get(name)) for name in self._fields) for event in decoded.events}
        if len(found) > 1:
            raise BadInputError(f"its events differ in {', '.join(self._fields)}: put each into a line of its own")
        values = next(iter(found), ())
        known = tuple(value for value in values if value is not None)
        return record_key(known) if known and len(known) == len(values) else None


def bad_lines(lines: Iterable[Line], keys: Keys) -> Iterator[BadLine]:
    """Yield the lines that can't be published."""
    for line in lines:
        try:
            keys.of(line.value)
        except BadInputError as error:
            yield BadLine(line.number, str(error))


def ensure_topic(stream: Stream, topic: Topic) -> bool:
    """Create *topic* where it is missing; return whether it was."""
    missing = stream.partitions(topic.topic) is None
    if missing:
        stream.ensure(TopicSpec(topic.topic, topic.partitions))
    return missing


def publish(producer: Producer, topic: Topic, lines: Iterable[Line]) -> Iterator[Published]:
    """Write *lines*; yield what is acknowledged so far, at least once.

    Lines that the decoder can't read are written without a key.

    Raises:
        NotReadyError: something was not acknowledged; the last yielded count was.

    """
    keys, records, without_key = Keys(topic), 0, 0
    for line in lines:
        try:
            key = keys.of(line.value)
        except BadInputError:
            key = None
        producer.send(topic.topic, line.value, key=key)
        records += 1
        without_key += key is None and bool(topic.partitioned_by)
        if records % FLUSH_EVERY == 0:
            producer.flush()
            yield Published(records, without_key)
    producer.flush()
    yield Published(records, without_key)


def _as_text(value: object) -> str | None:
    """Return a field's value as entities hold it; None where it can't be part of one."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and float(value).is_integer():
        return number_text(value)
    return None
