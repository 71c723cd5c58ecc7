"""One suite over both stream backends, each on a real server: what ``stream.base`` promises of records and topics."""

from itertools import pairwise

from dutyd.core.event import Record
from dutyd.core.topic import OwnTopics
from dutyd.stream.base import TopicSpec
from dutyd.stream.fit import evaluator_needs, worker_needs
from support.backends import Backend
from support.streams import join, poll_until, read, values


def test_a_record_comes_as_it_was_sent(backend: Backend) -> None:
    headers = [("ce_type", b"order"), ("größe", "é".encode()), ("empty", b"")]
    producer = backend.stream.producer()
    producer.send(backend.topic, "grün ≥ 1".encode(), key="ключ".encode(), headers=headers)
    producer.flush()
    consumer = backend.member()
    join(consumer)
    ((partition, (record,)),) = read(consumer, 1).items()
    assert (record.value, record.key) == ("grün ≥ 1".encode(), "ключ".encode())
    assert sorted(record.headers) == sorted(headers)
    assert record.offset == backend.stream.spans([backend.topic])[partition].begin
    producer.close()


def test_empty_values_tombstones_and_large_values_come_as_they_were_sent(backend: Backend) -> None:
    large = bytes(range(256)) * 3_600
    producer = backend.stream.producer()
    producer.send(backend.topic, b"", key=b"k")
    producer.send(backend.topic, None, key=b"k")
    producer.send(backend.topic, large, key=b"k")
    producer.close()
    consumer = backend.member()
    join(consumer)
    (records,) = read(consumer, 3).values()
    assert [record.value for record in records] == [b"", None, large]


def test_a_partition_is_read_in_the_order_it_was_written(backend: Backend) -> None:
    sent = [b"%04d" % number for number in range(2_500)]
    backend.produce(*sent, key=b"one")
    consumer = backend.member()
    join(consumer)
    (records,) = read(consumer, len(sent)).values()
    assert [record.value for record in records] == sent
    offsets = [record.offset for record in records]
    assert offsets == sorted(set(offsets))
    stamps = [record.timestamp for record in records]
    assert stamps == sorted(stamps)


def test_a_poll_brings_at_most_its_limit(backend: Backend) -> None:
    backend.produce(*[b"x"] * 50)
    consumer = backend.member()
    join(consumer)
    polled = poll_until(consumer, lambda answer: answer.records)
    assert 0 < sum(map(len, polled.records.values())) <= 500
    consumer.seek(next(iter(polled.records)), 0)
    few = [consumer.poll(1.0, 3) for _ in range(5)]
    assert max(sum(map(len, answer.records.values())) for answer in few) == 3


def test_the_same_key_goes_to_the_same_partition(backend: Backend) -> None:
    producer = backend.stream.producer()
    for number in range(60):
        producer.send(backend.topic, b"%d" % number, key=b"sku-%d" % (number % 20))
    producer.close()
    consumer = backend.member()
    join(consumer)
    found = read(consumer, 60)
    homes = {(record.key, partition) for partition, records in found.items() for record in records}
    assert len(homes) == 20


def test_the_position_is_the_offset_of_the_next_record(backend: Backend) -> None:
    backend.produce(b"1", b"2", key=b"k")
    consumer = backend.member()
    join(consumer)
    ((partition, records),) = read(consumer, 2).items()
    assert consumer.position(partition) == records[-1].offset + 1
    consumer.seek(partition, records[0].offset)
    assert consumer.position(partition) == records[0].offset


def test_the_end_is_proved_only_when_nothing_is_left(backend: Backend) -> None:
    backend.produce(b"1", b"2", key=b"k")
    consumer = backend.member()
    ((partition, _),) = backend.filled()
    assert partition in join(consumer)
    assert not consumer.at_end(partition)
    read(consumer, 2)
    assert consumer.at_end(partition)
    backend.produce(b"3", key=b"k")
    assert values(read(consumer, 1)) == [b"3"]
    assert consumer.at_end(partition)


def test_an_empty_partition_is_at_its_end(backend: Backend) -> None:
    consumer = backend.member()
    assigned = join(consumer)
    assert assigned
    assert all(consumer.at_end(each) for each in assigned)


def test_spans_hold_what_was_written(backend: Backend) -> None:
    before = backend.stream.spans([backend.topic])
    assert all(span.begin == span.end for span in before.values())
    backend.produce(*[b"x"] * 5, key=b"k")
    assert len(backend.filled()) == 1


def test_an_offset_is_found_by_its_time(backend: Backend) -> None:
    backend.needs("times")
    consumer = backend.member()
    join(consumer)
    found: list[Record] = []
    while len({record.timestamp for record in found}) < 3:
        backend.produce(b"x", key=b"k")
        ((partition, records),) = read(consumer, 1).items()
        if not found or found[-1].timestamp < records[0].timestamp:
            found += records
    assert consumer.offset_at(partition, 0) == found[0].offset
    for before, record in pairwise(found):
        assert consumer.offset_at(partition, record.timestamp) == record.offset
        assert consumer.offset_at(partition, before.timestamp + 1) == record.offset
    assert (
        consumer.offset_at(partition, found[-1].timestamp + 1) == backend.stream.spans([partition.topic])[partition].end
    )


def test_a_scan_yields_everything_without_a_group(backend: Backend) -> None:
    assert list(backend.stream.scan(backend.topic)) == []
    producer = backend.stream.producer()
    sent = [b"%04d" % number for number in range(3_000)]
    for number, value in enumerate(sent):
        producer.send(backend.topic, value, key=b"%d" % (number % 7))
    producer.close()
    found = list(backend.stream.scan(backend.topic))
    assert sorted(record.value or b"" for _, record in found) == sent
    assert {partition.topic for partition, _ in found} == {backend.topic}
    times = sorted(record.timestamp for _, record in found)
    for since in (-1_000, 0, times[1_500], times[-1] + 1):
        later = [(partition, record.offset) for partition, record in backend.stream.scan(backend.topic, since)]
        assert sorted(later) == sorted((p, record.offset) for p, record in found if record.timestamp >= since)
    for until in (-1_000, 0, times[1_500], times[-1] + 1):
        early = [(partition, record.offset) for partition, record in backend.stream.scan(backend.topic, None, until)]
        assert sorted(early) == sorted((p, record.offset) for p, record in found if record.timestamp < until)


def test_a_topic_is_created_once(backend: Backend, unique: str) -> None:
    backend.needs("create")
    other = TopicSpec(f"{unique}.other", 2, {"cleanup.policy": "compact"})
    assert backend.stream.partitions(other.name) is None
    assert backend.stream.spans([other.name]) == {}
    backend.stream.ensure(other)
    backend.stream.ensure(other)
    assert backend.stream.partitions(other.name) == (2 if backend.name == "kafka" else 1)


def test_a_topic_as_it_was_ensured_is_not_fatally_different(backend: Backend, unique: str) -> None:
    backend.needs("create")
    spec = TopicSpec(f"{unique}.other", 2, {"cleanup.policy": "compact", "min.compaction.lag.ms": "5000"})
    assert backend.stream.differences(spec) == ()  # there is none yet
    backend.stream.ensure(spec)
    # A single test broker can't keep a second copy.
    assert {difference.what for difference in backend.stream.differences(spec)} <= {"replicas"}


def test_where_nobody_is_kept_out_no_right_is_missing(backend: Backend, unique: str) -> None:
    backend.needs("create")
    own = OwnTopics(unique)
    assert backend.stream.missing_rights([*evaluator_needs(own, (backend.topic,)), *worker_needs(own)]) == ()
    assert backend.stream.partitions(own.triggers) is None  # asking created nothing
