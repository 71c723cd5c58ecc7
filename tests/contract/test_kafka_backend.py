"""What only Kafka has: shared groups, lost members, transactions, compression, brokers that die."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaProducer

from dutyd.core.errors import NotReadyError
from dutyd.core.topic import Start
from dutyd.stream import kafka as backend
from dutyd.stream.base import Consumer, Partition, TopicSpec
from dutyd.stream.kafka import KafkaStream
from support.broker import Broker, KafkaBroker
from support.streams import join, poll_until, read, values


@pytest.fixture
def stream(real_broker: Broker) -> Iterator[KafkaStream]:
    opened = KafkaStream(f"kafka://{real_broker.address}", {})
    yield opened
    opened.close()


@pytest.fixture(params=["lean", "client"])
def reader(request: pytest.FixtureRequest, real_broker: Broker) -> Iterator[KafkaStream]:
    """The same by each of the two readers, for what concerns how records are read."""
    opened = KafkaStream(f"kafka://{real_broker.address}", {"reader": request.param})
    yield opened
    opened.close()


@pytest.fixture
def topic(stream: KafkaStream, unique: str) -> str:
    stream.ensure(TopicSpec(unique, 2))
    return unique


def fill(stream: KafkaStream, topic: str, count: int) -> None:
    producer = stream.producer()
    for number in range(count):
        producer.send(topic, b"%d" % number, key=b"%d" % number)
    producer.close()


def member(stream: KafkaStream, topic: str, name: str) -> Consumer:
    return stream.consumer(f"{topic}.group", {topic: Start.EARLIEST}, client=name)


def test_what_stays_ours_through_a_rebalance_is_neither_reported_nor_read_again(
    stream: KafkaStream, topic: str
) -> None:
    fill(stream, topic, 20)
    first, second = member(stream, topic, "1"), member(stream, topic, "2")
    everything = join(first)
    mine = read(first, 20)  # nothing is committed
    given = poll_until(first, lambda polled: polled.revoked, second)
    (kept,) = everything - given.revoked
    assert not given.assigned
    assert not given.lost
    fill(stream, topic, 20)
    again = read(first, len(mine[kept]))
    assert set(again) == {kept}
    assert again[kept][0].offset == mine[kept][-1].offset + 1
    first.close()
    second.close()


def test_a_member_that_died_is_replaced_after_its_session(stream: KafkaStream, topic: str, kafka: str) -> None:
    fill(stream, topic, 4)
    short = KafkaStream(f"kafka://{kafka}", {"session": "2"})
    first = short.consumer(f"{topic}.group", {topic: Start.EARLIEST}, client="1")
    everything = join(first)
    first._kafka._client.close()  # its process is gone: no heartbeat, no farewell
    second = member(stream, topic, "2")
    assert join(second) == everything
    assert len(values(read(second, 4))) == 4
    second.close()


def test_a_member_that_slept_too_long_loses_everything_and_its_commit_is_dropped(
    stream: KafkaStream, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(stream, topic, 4)
    second = member(stream, topic, "2")
    monkeypatch.setattr(backend.consumer, "MAX_POLL_MS", 1_000)
    first = member(stream, topic, "1")
    everything = join(first)
    found = read(first, 4)
    assert join(second) == everything  # which takes the second that the first does not poll
    first.commit({partition: records[-1].offset + 1 for partition, records in found.items()})
    assert set(second.committed(sorted(everything)).values()) == {None}
    assert poll_until(first, lambda polled: polled.lost, second).lost == everything
    first.close()
    second.close()


def test_aborted_records_are_not_seen_and_markers_do_not_hide_the_end(
    reader: KafkaStream, kafka: str, unique: str
) -> None:
    reader.ensure(TopicSpec(unique, 1))
    writer: Any = KafkaProducer(bootstrap_servers=kafka, transactional_id=unique)
    writer.init_transactions()
    for value, finish in ((b"kept", writer.commit_transaction), (b"taken back", writer.abort_transaction)):
        writer.begin_transaction()
        writer.send(unique, value, key=b"k")
        finish()
    writer.close()
    consumer = member(reader, unique, "1")
    (partition,) = join(consumer)
    assert values(read(consumer, 1)) == [b"kept"]
    poll_until(consumer, lambda _: consumer.at_end(partition))
    assert [record.value for _, record in reader.scan(unique)] == [b"kept"]
    consumer.close()


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_topics_are_read_and_written(reader: KafkaStream, unique: str, kafka: str, codec: str) -> None:
    reader.ensure(TopicSpec(unique, 1, {"compression.type": codec}))  # the broker compresses anew what is not so
    theirs: Any = KafkaProducer(bootstrap_servers=kafka, compression_type=codec)
    ours = reader.producer()
    for number in range(100):
        theirs.send(unique, b"%04d" % number, key=b"k")
        ours.send(unique, b"%04d" % (100 + number), key=b"k")
    theirs.close()
    ours.close()
    consumer = member(reader, unique, "1")
    join(consumer)
    assert values(read(consumer, 200)) == [b"%04d" % number for number in range(200)]
    consumer.close()


def test_what_is_broken_on_the_disk_is_asked_for_again_until_it_is_whole(
    reader: KafkaStream, real_broker: KafkaBroker, unique: str
) -> None:
    reader.ensure(TopicSpec(unique, 1))
    consumer, producer = member(reader, unique, "1"), reader.producer()
    join(consumer)
    for value in (b"whole", b"broken"):
        producer.send(unique, value, key=b"k")
        producer.flush()
    producer.close()
    (log,) = (real_broker.directory / "data" / f"{unique}-0").glob("*.log")
    whole = log.read_bytes()

    def overwrite(value: bytes) -> None:
        with log.open("r+b") as file:
            file.seek(whole.index(b"broken"))
            file.write(value)

    overwrite(b"BROKEN")
    assert values(read(consumer, 1)) == [b"whole"]
    for _ in range(3):
        with pytest.raises(NotReadyError, match="failed crc check"):
            read(consumer, 1)
    overwrite(b"broken")
    assert values(read(consumer, 1)) == [b"broken"]
    consumer.close()


def test_a_missing_codec_says_what_to_install(stream: KafkaStream, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    producer = stream.producer()
    producer.send(topic, b"x" * 10_000)  # small ones are not worth compressing
    producer.close()
    consumer = member(stream, topic, "1")
    join(consumer)
    monkeypatch.setattr("kafka.codec.has_lz4", lambda: False)
    with pytest.raises(NotReadyError, match=r"lz4.*install kafka-python\[crc32c,lz4,snappy,zstd\]"):
        read(consumer, 1)
    consumer.close()


def test_a_broker_that_dies_and_comes_back_loses_nothing(
    mortal_broker: KafkaBroker, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend.producer, "FLUSH_SECONDS", 2.0)
    stream = KafkaStream(f"kafka://{mortal_broker.address}", {})
    stream.ensure(TopicSpec(unique, 1))
    consumer, producer = member(stream, unique, "1"), stream.producer()
    producer.send(unique, b"before", key=b"k")
    producer.flush()
    (partition,) = join(consumer)
    read(consumer, 1)
    mortal_broker.kill()
    with pytest.raises(NotReadyError, match=r"acknowledged|send to"):  # noqa: PT012  # either may be the first to see it
        producer.send(unique, b"during", key=b"k")
        producer.flush()
    mortal_broker.start()
    producer.send(unique, b"during", key=b"k")
    producer.send(unique, b"after", key=b"k")
    producer.flush()
    found: list[bytes | None] = []
    while b"after" not in found:
        found += [record.value for record in read(consumer, 1).get(partition, [])]
    assert b"during" in found
    consumer.close()
    producer.close()
    stream.close()


def test_a_silent_broker_proves_no_end(
    mortal_broker: KafkaBroker, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = KafkaStream(f"kafka://{mortal_broker.address}", {})
    stream.ensure(TopicSpec(unique, 1))
    consumer = member(stream, unique, "1")
    (partition,) = join(consumer)
    assert consumer.at_end(partition)
    mortal_broker.kill()
    consumer.poll(0.1, 10)
    monkeypatch.setattr(backend.consumer, "END_MS", 1_000)
    with pytest.raises(NotReadyError, match="ask for end offsets"):
        consumer.at_end(partition)
    consumer.close()
    stream.close()


def test_a_scan_ends_where_the_broker_falls_silent(
    mortal_broker: KafkaBroker, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "SILENT_SECONDS", 1.0, raising=False)
    stream = KafkaStream(f"kafka://{mortal_broker.address}", {})
    stream.ensure(TopicSpec(unique, 1, {"compression.type": "uncompressed"}))
    producer = stream.producer()
    for _ in range(20):
        producer.send(unique, os.urandom(900_000))
        producer.flush()
    producer.close()
    scanned = stream.scan(unique)
    next(scanned)
    mortal_broker.signal(signal.SIGSTOP)
    with pytest.raises(NotReadyError, match=f"can't read {unique} at Kafka"):
        list(scanned)
    mortal_broker.signal(signal.SIGCONT)
    stream.close()


def test_a_group_reads_several_topics(stream: KafkaStream, topic: str) -> None:
    stream.ensure(TopicSpec(f"{topic}.more", 1))
    fill(stream, topic, 3)
    fill(stream, f"{topic}.more", 3)
    starts = {topic: Start.EARLIEST, f"{topic}.more": Start.LATEST}
    consumer = stream.consumer(f"{topic}.group", starts, client="1")
    assert join(consumer) == {Partition(topic, 0), Partition(topic, 1), Partition(f"{topic}.more", 0)}
    assert {partition.topic for partition in read(consumer, 3)} == {topic}
    consumer.close()


def test_a_topic_that_appears_later_is_assigned_then_however_short_the_polls(stream: KafkaStream, unique: str) -> None:
    consumer = member(stream, unique, "1")
    assert not consumer.poll(0.5, 10).assigned
    stream.ensure(TopicSpec(unique, 1))
    assigned: frozenset[Partition] = frozenset()
    while not assigned:
        assigned = consumer.poll(0.0, 10).assigned
    assert assigned == {Partition(unique, 0)}
    consumer.close()
