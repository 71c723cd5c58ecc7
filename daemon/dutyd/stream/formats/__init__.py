"""From record to event: the five formats of records, ``auto`` that tells them apart, and the way of every record.

``Decoder`` reads one partition of one topic; the evaluate path gives it what ``poll`` brought and gets events, and
what could not be understood with the reason. A record is understood whole or not at all. Nothing that stands in a
record raises.

Most records are one flat object of a few hundred bytes, so these have a way of their own (``_plain``): the decoded
object becomes the event's fields as it is, if the bytes show that nothing is nested in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from dutyd.core.errors import BadInputError
from dutyd.core.event import OWN_SOURCE, Event, Record
from dutyd.core.topic import Format, Topic
from dutyd.stream.formats import alertmanager, cloudevents, collectd, flat, metric
from dutyd.stream.formats.document import (
    DOUBLE_BITS,
    DOUBLE_DIGITS,
    kind_of,
    loads,
    read_json,
)
from dutyd.stream.formats.facts import ARRIVAL, Facts
from dutyd.stream.formats.times import LATEST, Times

MAX_NAME = 1_024
"""Characters of an id or a source: they become part of keys."""

PLAIN_BYTES = MAX_NAME
"""Larger records take the general way; in a smaller one neither names nor the number of fields can be too large."""

_READERS: Mapping[Format, Callable[[dict[str, Any]], list[Facts]]] = {
    Format.CLOUDEVENTS: cloudevents.read,
    Format.ALERTMANAGER: alertmanager.read,
    Format.COLLECTD: collectd.read,
    Format.METRIC: metric.read,
    Format.FLAT: flat.read,
}
_BY_HEADERS = (Format.AUTO, Format.CLOUDEVENTS)
_MAYBE_PLAIN = (Format.AUTO, Format.FLAT)


class Bad(NamedTuple):
    """A record that could not be understood, and why."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What records held.

    Attributes:
        events: in the records' order.
        bad: records for the dead-letter topic.
        own: how many events of dutyd's own were dropped.
        empty: how many records were understood and held no event: an empty array, a message without alerts.

    """

    events: list[Event]
    bad: list[Bad]
    own: int = 0
    empty: int = 0


class Decoder:
    """Reads the records of one partition of *topic*."""

    def __init__(self, topic: Topic, partition: int) -> None:
        self._alias = topic.alias
        self._place = f"{topic.topic}/{partition}"
        self._format = topic.format
        self._guesses = topic.format is Format.AUTO
        self._renames = dict(topic.fields)
        self._id = topic.fields.get("id", "id")
        self._source = topic.fields.get("source", "source")
        self._time = topic.fields.get("time", "time")
        self._times = Times()
        self._known_times = self._times.known

    def decode(self, records: Sequence[Record]) -> Decoded:
        """Return the events of *records*."""
        events: list[Event] = []
        bad: list[Bad] = []
        own = empty = 0
        maybe_plain = self._format in _MAYBE_PLAIN
        for record in records:
            try:
                event = self._plain(record) if maybe_plain else None
                if event is not None:
                    events.append(event)
                    continue
                found = self._events(record)
            except BadInputError as error:
                bad.append(Bad(record, str(error)))
                continue
            others = [each for each in found if each.source != OWN_SOURCE]
            own += len(found) - len(others)
            empty += not found
            events += others
        return Decoded(events, bad, own, empty)

    def _plain(self, record: Record) -> Event | None:  # noqa: PLR0911  # each look that fails
        """Read a small flat object with id and time as text; None: something about the record needs a closer look.

        The looks at the bytes are the fastest there are, see ``bench``: a second brace, an opening bracket (91).
        """
        value = record.value
        if value is None or len(value) > PLAIN_BYTES or 91 in value or value.find(b"{", 1) > 0 or record.headers:
            return None
        try:
            fields = loads(value)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        if fields.__class__ is not dict or (self._guesses and ("value" in fields or "specversion" in fields)):
            return None
        given, source, when = fields.get(self._id), fields.get(self._source, self._alias), fields.get(self._time)
        if not (given.__class__ is source.__class__ is when.__class__ is str and given and source):
            return None
        if source == OWN_SOURCE or (len(value) >= DOUBLE_DIGITS and _beyond_double(fields)):
            return None
        time = self._known_times.get(when)
        if time is None:
            time = self._times.read(when)
        arrival = record.timestamp / 1000
        if not 0 <= arrival < LATEST:  # a file, or a topic of an old broker, or no time at all
            if time < 0 or arrival > 0:
                return None
            arrival = time
        elif time > arrival:
            return Event(given, source, arrival, arrival, record.offset, fields, time)
        return Event(given, source, time, arrival, record.offset, fields)

    def _events(self, record: Record) -> list[Event]:
        """Read any record."""
        return [
            self._event(record, index, self._renamed(facts) if self._renames else facts)
            for index, facts in enumerate(self._facts(record))
        ]

    def _facts(self, record: Record) -> list[Facts]:
        if record.headers and self._format in _BY_HEADERS:
            headers = {name.lower(): content for name, content in record.headers if content is not None}
            if cloudevents.is_binary(headers):
                return cloudevents.read_binary(headers, record.value)
        if record.value is None:
            raise BadInputError("the record has no value (a tombstone)")
        document = read_json(record.value)
        found: list[Facts] = []
        for item in document if isinstance(document, list) else [document]:
            if not isinstance(item, dict):
                raise BadInputError(f"expected an object or an array of objects, found {kind_of(item)}")
            found += _READERS[_guess(item) if self._guesses else self._format](item)
        return found

    def _renamed(self, facts: Facts) -> Facts:
        fields, names = facts.fields, self._renames
        return Facts(
            fields,
            fields.get(self._id) if "id" in names else facts.id,
            fields.get(self._source) if "source" in names else facts.source,
            fields.get(self._time) if "time" in names and facts.time is not ARRIVAL else facts.time,
        )

    def _event(self, record: Record, index: int, facts: Facts) -> Event:
        fields, given, source, when = facts
        if given.__class__ is not str or not given or len(given) > MAX_NAME:
            given = _text("id", given) or f"{self._place}/{record.offset}/{index}"
        if source.__class__ is not str or not source or len(source) > MAX_NAME:
            source = _text("source", source) or self._alias
        arrival, told = record.timestamp / 1000, None
        if arrival >= LATEST:  # taken for a time, it would make every later event of its entity an old one
            raise BadInputError(f"the record's timestamp {record.timestamp} is no time in milliseconds since the epoch")
        if when is None or when is ARRIVAL:
            time = arrival
        else:
            time = self._times.read(when)
            if arrival < 0:  # files, and topics of old brokers, hold no timestamps
                arrival = time
            elif time > arrival:
                time, told = arrival, time
        if arrival < 0:
            raise BadInputError("neither the record nor the event says a time")
        return Event(given, source, time, arrival, record.offset, fields, told)


def _guess(item: dict[str, Any]) -> Format:
    # The member that each format can't be without is asked for first, because that is cheap.
    if "specversion" in item and cloudevents.fits(item):
        return Format.CLOUDEVENTS
    if "alerts" in item and alertmanager.fits(item):
        return Format.ALERTMANAGER
    if "dsnames" in item and collectd.fits(item):
        return Format.COLLECTD
    return Format.METRIC if "value" in item and metric.fits(item) else Format.FLAT


def _beyond_double(fields: dict[str, Any]) -> bool:
    return any(value.__class__ is int and value.bit_length() > DOUBLE_BITS for value in fields.values())


def _text(name: str, given: Any) -> str:
    """Return a whole number as text, and an empty text for what can't name anything."""
    if given.__class__ is int:
        return str(given)
    if given.__class__ is str and len(given) > MAX_NAME:
        raise BadInputError(f"{name} is longer than {MAX_NAME} characters")
    return ""
