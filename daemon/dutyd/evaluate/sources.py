"""A partition as a task reads it: which of its records are replayed, which are decided, and how far its time has come.

``Source`` is a partition of a source topic: events are decided in the order of its records. ``ByKeySource`` is one of a
by-key topic: they are decided in the order in which they arrived at the source topic (``merge``). ``assignment`` makes
them, ``tasks`` uses them.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import msgspec
import structlog

from dutyd.core.event import Event, Record
from dutyd.core.metrics import DROPPED, STALLED
from dutyd.core.topic import Topic
from dutyd.evaluate.by_key import Outward, Route, carry, channel, mark, read_carried, source_of, wanted
from dutyd.evaluate.merge import InOrder, Merge
from dutyd.evaluate.saved import Decided
from dutyd.evaluate.watermark import NOTHING, Watermark, lowest
from dutyd.stream.base import Partition
from dutyd.stream.formats import Bad, Decoded, Decoder

MARK_DELAY = 0.5
"""Seconds before now that a partition is said to have come to when it is read to its end: what a producer dated before
that has arrived, unless it took longer on its way."""

_offset = attrgetter("offset")

log = structlog.get_logger()


class Part(NamedTuple):
    """Events of one topic of the engine: those to be replayed, and those to be decided."""

    topic: str
    again: Sequence[Event]
    new: Sequence[Event]


class Taken(NamedTuple):
    """What became of records."""

    parts: Sequence[Part]
    bad: Sequence[Bad]


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where a source topic is carried to: the by-key topic, and how many partitions that has."""

    topic: str
    partitions: int


class Source:
    """One partition of a source topic.

    Attributes:
        decided: how far it is decided.
        read: offset of the next record to read; below ``decided.offset`` while it is replayed.
        partly: whether windows reach back beyond the first record that is replayed.
        outlet: where its events are carried to, too; None: nowhere.
        arrived: the newest arrival among what is decided, seconds since the epoch.
        carried: the newest arrival among what was carried.
        marked: up to where the by-key topic was told that it has come.

    """

    def __init__(
        self,
        topic: Topic,
        partition: Partition,
        decided: Decided,
        read: int,
        *,
        partly: bool = False,
        outlet: Outlet | None = None,
    ) -> None:
        self.alias = topic.alias
        self.partition = partition
        self.decided = decided
        self.read = read
        self.partly = partly
        self.outlet = outlet
        self.arrived = -math.inf if decided.timestamp is None else decided.timestamp / 1000
        self._decoder = Decoder(topic, partition.number)
        self._watermark = Watermark(topic.lateness)
        self.carried = self.marked = -math.inf

    @property
    def replaying(self) -> bool:
        """Whether it has not come back to where it was."""
        return self.read < self.decided.offset

    @property
    def newest(self) -> float:
        """The newest event time that was read, seconds since the epoch; minus infinity without one."""
        return self._watermark.newest

    @property
    def settled(self) -> float | None:
        """Up to when, seconds since the epoch, everything is decided, where that is not what was read last."""
        return None

    def reached(self, position: int) -> None:
        """Take note of the reader's position: it also passes places that hold no records."""
        self.read = position
        if position > self.decided.offset:
            self.decided = msgspec.structs.replace(self.decided, offset=position)

    def take(self, records: Sequence[Record]) -> Taken:
        """Decode *records*; what was decided before is to be replayed."""
        border = bisect_left(records, self.decided.offset, key=_offset)
        again, new = self._decode(records[:border]), self._decode(records[border:])
        DROPPED.labels("own").inc(new.own)
        DROPPED.labels("empty").inc(new.empty)
        return Taken((Part(self.alias, again.events, new.events),), new.bad)

    def took(self, records: Sequence[Record]) -> None:
        """Take note that *records* were replayed or decided."""
        last = records[-1]
        if last.offset >= self.decided.offset:
            self.decided = Decided(last.offset + 1, last.timestamp)
            self.arrived = max(self.arrived, last.timestamp / 1000)
        self.read = last.offset + 1

    def _decode(self, records: Sequence[Record]) -> Decoded:
        decoded = self._decoder.decode(records)
        self._watermark.saw(decoded.events)
        return decoded

    def move(self, now: float, *, read_to_end: bool) -> float:
        """Return the watermark at *now*."""
        return self._watermark.move(now, read_to_end=read_to_end)

    def carry(self, routes: Iterable[Route], events: Iterable[Event]) -> Iterator[Outward]:
        """Yield what brings *events*, just decided, to the entities of *routes*."""
        if self.outlet is not None:
            for route, event in wanted(routes, events):
                self.arrived = max(self.arrived, event.arrival)
                found = carry(route, event, self.partition.number, self.arrived, self.outlet.topic)
                if found is not None:
                    self.carried = self.arrived
                    yield found
                else:
                    DROPPED.labels("no_entity").inc()

    def mark(self, now: float, *, read_to_end: bool) -> Iterator[Outward]:
        """Yield, for each partition that its events may be carried to, how far it has come."""
        come = max(self.arrived, now - MARK_DELAY) if read_to_end else self.arrived
        if self.outlet is not None and come > self.marked:
            self.marked = come
            for number in range(self.outlet.partitions):
                yield mark(self.partition.number, come, self.outlet.topic, number)


class ByKeySource(Source):
    """One partition of a by-key topic.

    What was read and decided before is what was released before: what lies below ``decided.below``, and what was read
    up to ``decided.offset`` and arrived before ``decided.upto``.
    """

    def __init__(
        self, topic: Topic, partition: Partition, decided: Decided, read: int, sources: int, *, partly: bool = False
    ) -> None:
        """*sources*: how many partitions the source topic has."""
        super().__init__(topic, partition, decided, read, partly=partly)
        self._before = decided
        self._lateness = topic.lateness
        self.sources = sources
        self._source = source_of(topic.alias)
        self._merge = Merge(sources)
        self._watermarks: dict[int, Watermark] = {}
        self._come_back()

    @property
    def newest(self) -> float:
        """See ``Source.newest``."""
        return max((each.newest for each in self._watermarks.values()), default=NOTHING)

    @property
    def settled(self) -> float | None:
        """Up to when everything is decided: as far as the slowest source partition has come."""
        return self._upto

    @property
    def _upto(self) -> float | None:
        come = max(self._merge.frontier, self._before.upto or -math.inf)
        return come if math.isfinite(come) else None

    def reached(self, position: int) -> None:
        """See ``Source.reached``."""
        super().reached(position)
        self._come_back()

    def _come_back(self) -> None:
        if not self.replaying:
            self._come_back_to(self._before.upto)

    def _come_back_to(self, upto: float | None) -> None:
        """At the place where deciding goes on, every source partition is as far as it was there before."""
        if upto is not None:
            self._merge.at_least(upto)

    def take(self, records: Sequence[Record]) -> Taken:
        """See ``Source.take``; what is not in order yet waits."""
        border = bisect_left(records, self._before.offset, key=_offset)
        bad: list[Bad] = []
        parts: dict[str, tuple[list[Event], list[Event]]] = defaultdict(lambda: ([], []))
        self._add(records[:border], bad)
        if border < len(records):
            self._come_back_to(self._before.upto)
        for each in (*self._merge.release(), *self._added(records[border:], bad)):
            event = _placed(each.event)
            parts[channel(self._source, each.per)][self._is_new(each)].append(event)
            self._watermarks.setdefault(each.partition, Watermark(self._lateness)).saw([event])
        if stalled := self._merge.take_stalled():
            STALLED.labels(self._source).inc(len(stalled))
            log.warning(
                "source partitions stand still: the others go on without them", topic=self._source, partitions=stalled
            )
        return Taken([Part(name, again, new) for name, (again, new) in parts.items()], bad)

    def _added(self, records: Sequence[Record], bad: list[Bad]) -> Iterator[InOrder]:
        self._add(records, bad)
        yield from self._merge.release()

    def _add(self, records: Iterable[Record], bad: list[Bad]) -> None:
        for record in records:
            try:
                self._merge.add(read_carried(record.value), record.offset)
            except ValueError as error:
                if record.offset >= self._before.offset:
                    bad.append(Bad(record, str(error)))

    def _is_new(self, each: InOrder) -> bool:
        before = self._before
        if each.offset >= before.offset:
            return True
        return each.offset >= before.below and (before.upto is None or each.event.arrival >= before.upto)

    def took(self, records: Sequence[Record]) -> None:
        """See ``Source.took``."""
        last = records[-1]
        if last.offset >= self.decided.offset:
            self.decided = Decided(last.offset + 1, last.timestamp, upto=self._upto, held=self._merge.oldest_offset)
        self.read = last.offset + 1
        self._come_back()

    def move(self, now: float, *, read_to_end: bool) -> float:
        """Return the watermark: what time it is by the source partitions, not by *now*."""
        del now, read_to_end
        come = self._merge.frontier
        if not math.isfinite(come):
            return NOTHING
        marks = [each.move(come, read_to_end=True) for each in self._watermarks.values()]
        return lowest(marks) if marks else come - self._lateness


def _placed(event: Event) -> Event:
    """Return *event* with a place that grows in the order of deciding, as offsets do elsewhere: when it arrived,
    milliseconds since the epoch.
    """
    return msgspec.structs.replace(event, offset=round(event.arrival * 1000))
