"""Histories: the events of files and topics, as a backtest reads them, a batch at a time.

A file holds one record a line, as ``publish`` takes it (``.gz`` too; ``-`` is standard input); a folder holds several,
read in the order of their names. A topic is read as it is, every partition apart, as its tasks would.
"""

import gzip
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from dutyd.core.errors import SettingsError
from dutyd.core.event import Event, Record
from dutyd.core.topic import Topic
from dutyd.rules.rehearsal.event_files import read_lines
from dutyd.stream.base import Partition
from dutyd.stream.formats import Decoder

CHUNK = 1 << 20
"""Bytes of lines that are decoded at once: a few thousand events."""

RECORDS = 4_000

STANDARD_INPUT = Path("-")
_SUFFIXES = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz")


class Unread(NamedTuple):
    """A record that holds no events: where it stands, and why."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one partition, in the order of their records; *read*: bytes, or records, since the batch before."""

    topic: str
    partition: int
    events: Sequence[Event]
    unread: Sequence[Unread]
    read: int


def files_of(place: Path) -> tuple[Path, ...]:
    """Return the files of events at *place*: itself, or those of a folder, in the order of their names.

    Raises:
        SettingsError: there is nothing to read.

    """
    if place == STANDARD_INPUT or place.is_file():
        return (place,)
    found = sorted(path for path in place.rglob("*") if path.is_file() and path.name.endswith(_SUFFIXES))
    if not found:
        what = f"no files of events ({', '.join(_SUFFIXES)}) in it" if place.is_dir() else "no such file or folder"
        raise SettingsError(f"can't read events from {place}: {what}")
    return tuple(found)


def of_files(files: Iterable[Path], topic: Topic) -> Iterator[Batch]:
    """Yield the events of *files*, one after the other, as one partition of *topic*.

    Raises:
        SettingsError: a file can't be read.

    """
    decoder, before = Decoder(topic, 0), 0
    for file in files:
        number = 0
        for lines in _chunks(file):
            records = list(read_lines(lines, before + number + 1))
            decoded = decoder.decode(records)
            unread = [Unread(f"{file.name}:{bad.record.offset - before}", bad.reason) for bad in decoded.bad]
            yield Batch(topic.alias, 0, decoded.events, unread, sum(map(len, lines)))
            number += len(lines)
        before += number


def _chunks(file: Path) -> Iterator[list[bytes]]:
    try:
        with _opened(file) as lines:
            while chunk := lines.readlines(CHUNK):
                yield chunk
    except (OSError, EOFError) as error:
        raise SettingsError(f"can't read {file}: {getattr(error, 'strerror', None) or error}") from error


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    if file == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)
    return cast("BinaryIO", gzip.open(file)) if file.suffix == ".gz" else file.open("rb")


def of_topic(
    records: Iterable[tuple[Partition, Record]], topic: Topic, since: float | None = None, until: float | None = None
) -> Iterator[Batch]:
    """Yield the events of a topic's *records* with timestamps from *since* up to before *until* (epoch seconds)."""
    decoders: dict[int, Decoder] = {}
    waiting: dict[int, list[Record]] = {}
    for partition, record in records:
        if (since is None or record.timestamp >= since * 1000) and (until is None or record.timestamp < until * 1000):
            waiting.setdefault(partition.number, []).append(record)
            if len(waiting[partition.number]) >= RECORDS:
                yield _decoded(topic, partition.number, waiting.pop(partition.number), decoders)
    for number, left in waiting.items():
        yield _decoded(topic, number, left, decoders)


def _decoded(topic: Topic, number: int, records: Sequence[Record], decoders: dict[int, Decoder]) -> Batch:
    decoded = decoders.setdefault(number, Decoder(topic, number)).decode(records)
    unread = [Unread(f"{topic.topic}/{number}/{bad.record.offset}", bad.reason) for bad in decoded.bad]
    return Batch(topic.alias, number, decoded.events, unread, len(records))
