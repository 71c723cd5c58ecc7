"""Two readers, one log: whatever bytes a fetch brings, the lean reader gives what kafka-python's own reader gives.

Batches are made by kafka-python's own builders, then bent: other flags, other bytes, other checksums. Each step of
taking must agree: the records, the offset to go on from, the error.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import kafka
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.errors import CorruptRecordError, KafkaError
from kafka.protocol.consumer import IsolationLevel
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.record.util import calc_crc32c
from structlog.testing import capture_logs

from dutyd.stream.kafka import network, reading
from dutyd.stream.kafka.reading import ClientPartitionRecords, LeanPartitionRecords, read_by
from dutyd.stream.kafka.settings import CLIENT, LEAN

HEADER = DefaultRecordBatch.HEADER_STRUCT.size
PARTITION = TopicPartition("t", 0)
APPEND_TIME, TRANSACTIONAL, CONTROL = 0x08, 0x10, 0x20


@dataclass(frozen=True)
class Batch:
    """One batch to be built: what stands in it, and how it is bent afterwards.

    Attributes:
        bends: (where, byte) changes behind the header, the place taken modulo the length.
        sealed: whether the checksum fits the bent bytes.

    """

    magic: int = 2
    codec: int = 0
    skip: int = 0
    producer: int = -1
    flags: int = 0
    count: int | None = None
    rows: tuple[tuple[int, bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]], ...] = ()
    bends: tuple[tuple[int, int], ...] = ()
    sealed: bool = True

    def bytes_at(self, offset: int) -> tuple[bytes, int]:
        """Return its bytes where its first record is at *offset*, and the offset behind it."""
        builder = MemoryRecordsBuilder(self.magic, self.codec, 1 << 30, offset=0 if self.magic == 2 else offset)
        for stamp, key, value, headers in self.rows:
            builder.append(stamp, key, value, list(headers))
        builder.close()
        data = bytearray(builder.buffer())
        if self.magic == 2 and data:
            struct.pack_into(">q", data, 0, offset)
            self._bend(data)
        elif data and self.bends:
            for place, byte in self.bends:
                data[17 + place % (len(data) - 17)] = byte
        return bytes(data), offset + len(self.rows) + self.skip

    def _bend(self, data: bytearray) -> None:
        (flags,) = struct.unpack_from(">h", data, 21)
        struct.pack_into(">h", data, 21, flags | self.flags)
        struct.pack_into(">q", data, 43, self.producer)
        struct.pack_into(">i", data, 12, 7)  # the leader's epoch
        if self.count is not None:
            struct.pack_into(">i", data, 57, self.count)
        for place, byte in self.bends:
            if len(data) > HEADER:
                data[HEADER + place % (len(data) - HEADER)] = byte
        if self.sealed:
            struct.pack_into(">I", data, 17, calc_crc32c(memoryview(data)[21:]))


@dataclass(frozen=True)
class Fetched:
    """What a fetch brought, and how it is taken."""

    batches: tuple[Batch, ...]
    begin: int = 0  # how far into the records the fetch begins
    take: int | None = None
    aborted: tuple[tuple[int, int], ...] = ()  # producer, first offset
    committed: bool = True
    cut: int = 0  # bytes missing at the end, as brokers send them
    checked: bool = True

    def steps(self, reader: Any) -> list[Any]:
        """Take everything by *reader*; return what each step gave."""
        return list(self._taken(reader))

    def _taken(self, reader: Any) -> Iterator[Any]:
        data, offset = b"", 100
        for batch in self.batches:
            more, offset = batch.bytes_at(offset)
            data += more
        drained: list[Any] = []
        level = IsolationLevel.READ_COMMITTED if self.committed else IsolationLevel.READ_UNCOMMITTED
        part = reader(
            100 + self.begin,
            PARTITION,
            MemoryRecords(data[: len(data) - self.cut]),
            check_crcs=self.checked,
            isolation_level=level,
            aborted_transactions=[SimpleNamespace(producer_id=who, first_offset=first) for who, first in self.aborted],
            on_drain=drained.append,
        )
        while part:
            try:
                got = part.take(self.take)
            except KafkaError as error:
                yield type(error), str(error)
                continue
            records = [(each.offset, each.timestamp, each.key, each.value, list(each.headers or ())) for each in got]
            yield records, part.next_fetch_offset, part.leader_epoch, part.records_read >= len(records)
        yield len(drained), part.next_fetch_offset


def agree(fetched: Fetched) -> list[Any]:
    expected = fetched.steps(ClientPartitionRecords)
    assert fetched.steps(LeanPartitionRecords) == expected
    return expected


sizes = st.sampled_from([0, 1, 5, 63, 64, 200])
values = st.none() | st.binary(max_size=20) | sizes.map(lambda size: b"v" * size)
headers = st.lists(st.tuples(st.text(max_size=5), values), max_size=3).map(tuple)
stamps = st.integers(0, 1 << 44) | st.integers(1_700_000_000_000, 1_700_000_000_200)
bends = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=3).map(tuple)


CODECS = {2: (0, 0, 1, 2, 3, 4), 1: (0, 1, 2, 3), 0: (0, 1, 2)}
"""What the builders can write: zstd is younger than the old formats, the lz4 of the oldest one needs a package."""


@st.composite
def whole_batches(draw: st.DrawFn) -> Batch:
    """Batches as brokers send them."""
    magic = draw(st.sampled_from([2, 2, 2, 2, 0, 1]))
    row = st.tuples(stamps, values, values, headers if magic == 2 else st.just(()))
    flags = draw(st.sampled_from([0, 0, APPEND_TIME, TRANSACTIONAL]))
    return Batch(
        magic=magic,
        codec=draw(st.sampled_from(CODECS[magic])),
        skip=draw(st.integers(0, 3)),
        producer=draw(st.sampled_from([-1, 1, 2])),
        flags=flags,
        rows=tuple(draw(st.lists(row, min_size=1, max_size=8))),
    )


@st.composite
def bent_batches(draw: st.DrawFn) -> Batch:
    """Batches that are not what they should be."""
    whole = draw(whole_batches())
    counts = st.none() | st.sampled_from([-1, 0, 1, 9, 1 << 20, (1 << 31) - 1])
    return Batch(
        magic=whole.magic,
        codec=draw(st.sampled_from([0, 0, 0, whole.codec])),
        producer=whole.producer,
        flags=whole.flags | draw(st.sampled_from([0, 0, 0, CONTROL])),
        rows=whole.rows,
        count=draw(counts),
        bends=draw(bends),
        sealed=draw(st.sampled_from([True, True, True, False])),
    )


markers = st.tuples(st.integers(0, 1), st.sampled_from([1, 2])).map(
    lambda chosen: Batch(
        producer=chosen[1],
        flags=TRANSACTIONAL | CONTROL,
        rows=((0, struct.pack(">hh", 0, chosen[0]), b"\0" * 6, ()),),
    )
)


def fetches(batches: st.SearchStrategy[Batch]) -> st.SearchStrategy[Fetched]:
    return st.builds(
        Fetched,
        batches=st.lists(batches, min_size=1, max_size=5).map(tuple),
        begin=st.integers(0, 12),
        take=st.none() | st.integers(1, 7),
        aborted=st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(100, 120)), max_size=3).map(tuple),
        committed=st.booleans(),
        cut=st.sampled_from([0, 0, 1, 30]),
        checked=st.booleans(),
    )


@given(fetches(whole_batches() | markers))
def test_both_readers_read_the_same_of_what_brokers_send(fetched: Fetched) -> None:
    agree(fetched)


@given(fetches(bent_batches() | markers))
@example(Fetched((Batch(rows=((0, b"k", b"v", ()),), bends=((0, 0x0D),)),)))  # a length that is negative
@example(Fetched((Batch(rows=((0, b"k", b"v", ()),), bends=((1, 0x80),)),)))  # attributes of two bytes
@example(Fetched((Batch(rows=((0, b"k", b"v", ()),), bends=((4, 0x03),)),)))  # a key of length -2
@example(Fetched((Batch(rows=((0, b"k", b"v", ()),), bends=((8, 0x01),)),)))  # -1 headers
@example(Fetched((Batch(rows=((0, b"k", b"v", (("h", b"x"),)),), bends=((10, 0xFF),)),)))  # a name that is no text
@example(Fetched((Batch(rows=((0, b"k", b"v", (("h", b"x"),)),), bends=((9, 0x01),)),)))  # a name of length -1
@example(Fetched((Batch(rows=((0, b"x" * 40, b"v", ()),), bends=tuple((at, 0xFF) for at in range(2, 20))),)))
@example(Fetched((Batch(rows=((0, b"k", b"v", ()),) * 3, count=2),)))
@example(Fetched((Batch(rows=((0, b"k", b"v", ()),) * 3, count=(1 << 31) - 1),)))
def test_both_readers_agree_on_what_is_broken(fetched: Fetched) -> None:
    agree(fetched)


@given(st.lists(whole_batches().filter(lambda batch: batch.magic == 2), min_size=1, max_size=3).map(tuple))
def test_of_what_brokers_send_today_nothing_is_left_to_the_client(batches: tuple[Batch, ...]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DefaultRecordBatch, "_read_msg", lambda _: pytest.fail("the client's reader was asked"))
        Fetched(batches).steps(LeanPartitionRecords)


def test_a_batch_is_read_in_chunks_and_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", 7)
    rows = tuple((number, b"%d" % number, b"x" * number, ()) for number in range(100))
    for take in (None, 1, 3, 7, 50):
        steps = agree(Fetched((Batch(rows=rows, codec=3), Batch(rows=rows)), begin=30, take=take))
        assert sum(len(records) for records, *_ in steps[:-1]) == 170


@pytest.mark.parametrize("size", [8_191, 8_192, 1_000_000, 3_000_000])
def test_long_keys_values_and_headers_are_read(size: int) -> None:
    text = b"x" * size
    rows = ((5, text, b"v", ()), (1 << 40, b"k", text, ()), (6, None, None, (("h", text), ("i", None))))
    (records, *_), _ = agree(Fetched((Batch(rows=rows),)))
    assert len(records) == 3


def test_an_aborted_transaction_is_not_shown_and_a_committed_one_is() -> None:
    aborted = Batch(producer=1, flags=TRANSACTIONAL, rows=((0, None, b"taken back", ()),))
    kept = Batch(producer=2, flags=TRANSACTIONAL, rows=((0, None, b"kept", ()),))
    end = Batch(producer=1, flags=TRANSACTIONAL | CONTROL, rows=((0, b"\0\0\0\0", b"\0" * 6, ()),))
    later = Batch(producer=1, flags=TRANSACTIONAL, rows=((0, None, b"later", ()),))
    steps = agree(Fetched((aborted, kept, end, later), aborted=((1, 100),)))
    assert [value for _, _, _, value, _ in steps[0][0]] == [b"kept", b"later"]


@pytest.mark.parametrize("reader", [ClientPartitionRecords, LeanPartitionRecords])
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Batch(rows=((0, b"k", b"v", ()),), bends=((1, 1),), sealed=False), "failed crc check"),
        (Batch(rows=((0, b"k", b"v", ()),), bends=((0, 0x7E),)), "Found invalid record structure|Invalid record size"),
        (Batch(rows=((0, b"k", b"v" * 500, ()),), codec=3, bends=((9, 1), (12, 77))), "can't be read"),
        (Batch(rows=((0, b"k", b"v" * 500, ()),), codec=4, bends=((3, 1), (9, 77))), "can't be read"),
    ],
)
def test_what_can_not_be_read_is_fetched_again(reader: Any, broken: Batch, said: str) -> None:
    """The client's own class would keep it, and its fetcher look into it without an end."""
    whole = Batch(rows=((0, b"k", b"v", ()),))
    records, (kind, error), (drained, position) = Fetched((whole, broken)).steps(reader)
    assert len(records[0]) == 1
    assert kind is CorruptRecordError
    assert re.search(said, error)
    assert (drained, position) == (1, 101)


def test_another_version_of_the_client_keeps_its_own_reader_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = SimpleNamespace(_fetcher=SimpleNamespace(PartitionRecords=None))
    monkeypatch.setattr(kafka, "__version__", "3.1.0")
    with capture_logs() as told:
        read_by(LEAN, consumer)
        read_by(LEAN, consumer)
    assert consumer._fetcher.PartitionRecords is None
    assert [line["version"] for line in told] == ["3.1.0"]
    monkeypatch.setattr(kafka, "__version__", network.TESTED[0])
    for reader, chosen in ((LEAN, LeanPartitionRecords), (CLIENT, ClientPartitionRecords)):
        read_by(reader, consumer)
        assert consumer._fetcher.PartitionRecords is chosen
