"""Writes events as producers do: one record a line, keyed by the topic's ``partitioned_by`` values.

Lines of a JSONL file come in; records go out, into a topic that is created where it is missing. ``dutyd publish``, the
demo and the tests use it, so that what they write is partitioned as the rules expect. The key is found by decoding the
line as the evaluator will, which also finds the lines that it could not understand.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

from dutyd.core.errors import BadInputError
from dutyd.core.topic import Topic, record_key
from dutyd.evaluate.engine.entities import entity_value
from dutyd.stream.base import Stream, TopicSpec
from dutyd.stream.formats import Decoder

Show = Callable[[int], None]
"""Told how many records were sent so far."""

FLUSH_EVERY = 5_000
"""Records between two waits for acknowledgements: memory stays flat, and progress is true."""


class Line(NamedTuple):
    """One line: its number (1-based) and its bytes without the line end."""

    number: int
    value: bytes


class BadLine(NamedTuple):
    """A line that holds no events, its number, and why."""

    line: int
    reason: str


class _LineRecord(NamedTuple):
    """A line as the decoder reads records; a record that is being published has no history to speak of."""

    value: bytes | None
    offset: int = 0
    timestamp: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """What was written.

    Attributes:
        created: partitions that the topic was created with; 0 where it was there.
        records: how many.
        without_key: how many of them lack a ``partitioned_by`` field: rules over those fields will not see them.
        bad: the lines that hold no events: they were sent, and will be dead letters.

    """

    created: int = 0
    records: int = 0
    without_key: int = 0
    bad: tuple[BadLine, ...] = ()


def read_lines(raw: Iterable[bytes]) -> Iterator[Line]:
    """Yield the lines of a file that hold something."""
    for number, line in enumerate(raw, 1):
        value = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if value:
            yield Line(number, value)


class SeveralKeysError(BadInputError):
    """The events of one record belong under several keys."""


class Keys:
    """Finds the record keys of *topic*."""

    def __init__(self, topic: Topic) -> None:
        self._fields = topic.partitioned_by
        self._decoder = Decoder(topic, 0)

    def of(self, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> bytes | None:
        """Return the key of a record with *value* and *headers*; None where it has none.

        Raises:
            BadInputError: it can't be understood.
            SeveralKeysError: its events belong under several keys.

        """
        decoded = self._decoder.decode([_LineRecord(value, headers=headers)])
        if decoded.bad:
            raise BadInputError(decoded.bad[0].reason)
        found = {tuple(entity_value(event.fields.get(name)) for name in self._fields) for event in decoded.events}
        if len(found) > 1:
            raise SeveralKeysError(f"its events differ in {', '.join(self._fields)}: put each into a line of its own")
        values = next(iter(found), ())
        known = tuple(value for value in values if value is not None)
        return record_key(known) if known and len(known) == len(values) else None


def publish_lines(stream: Stream, topic: Topic, raw_lines: Iterable[bytes], show: Show) -> Published:
    """Publish *raw_lines* as they come, also those that hold no event: the daemon keeps them as dead letters.

    Raises:
        NotReadyError: the stream does not take them.

    """
    created = ensure_topic(stream, topic)
    keys, bad, sent, without_key = Keys(topic), list[BadLine](), 0, 0
    with closing(stream.producer()) as producer:
        for line in read_lines(raw_lines):
            key = None
            try:
                key = keys.of(line.value)
            except BadInputError as error:
                bad.append(BadLine(line.number, str(error)))
            producer.send(topic.topic, line.value, key=key)
            without_key += key is None and bool(topic.partitioned_by)
            sent += 1
            if sent % FLUSH_EVERY == 0:
                producer.flush()
                show(sent)
        producer.flush()
    show(sent)
    return Published(created, sent, without_key, tuple(bad))


def ensure_topic(stream: Stream, topic: Topic) -> int:
    """Create *topic* where it is missing; return with how many partitions, 0 where it was there."""
    if stream.partitions(topic.topic) is not None:
        return 0
    stream.ensure(TopicSpec(topic.topic, topic.partitions))
    return stream.partitions(topic.topic) or topic.partitions  # a Redis stream has one, whatever is asked for
