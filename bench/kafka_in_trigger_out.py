"""Kafka in, triggers out: the whole evaluate path against a bare loop over the same records, in the same run.

One process, a real broker and a real Valkey that fsyncs every write, all on this machine: 100 rules, one in ten over a
window, 10,000 entities, an opening every 10,000 events; repeats, watermark and checkpoints on. The bare loop is
kafka-python's consumer (with ``crc32c``) with the same settings, decoding each record with msgspec, and nothing else;
Python's garbage collector is as it comes there, and as ``Evaluator.run`` sets it in the path.
The path runs twice, with each of dutyd's readers of records: the lean one, which is the default, and the client's own.
All read all records of one topic, in turns; the medians count, and the ratios to the loop are the figures.
"""

import logging
import statistics
import threading
import time
from collections.abc import Callable, Iterator

import msgspec
import redis
import structlog
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from dutyd.core.rule import RuleSet
from dutyd.core.topic import OwnTopics, Topic
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.path import POLL_RECORDS, Evaluator
from dutyd.stream import open_stream
from dutyd.stream.base import Stream, TopicSpec
from dutyd.stream.own_topics import own_topics
from row import Row
from support.broker import running_broker
from support.valkey import running_valkey
from worlds import records, rules

EVENTS = 200_000
RULES = 100
FIELDS = 30
"""With three fields an event, about ten of the rules are touched."""
PARTITIONS = 4
ROUNDS = 5
PASSING = 10_000
RATE = 100_000
"""Events a second by their own times: as dense as they are when an evaluator has as much to do as it can."""
TOPIC = "bench-metrics"


ROWS = {"lean": "kafka_in_trigger_out", "client": "kafka_in_trigger_out_client"}
"""The row of each reader (``kafka.reader`` in the settings)."""


def rows() -> Iterator[Row]:
    """Measure, and yield the two ``ROWS``."""
    with running_broker() as broker, running_valkey() as url, redis.Redis.from_url(url) as client:
        if broker.lacks:
            return
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        streams = {reader: open_stream(f"kafka://{broker.address}", {"reader": reader}) for reader in ROWS}
        streams["lean"].ensure(TopicSpec(TOPIC, PARTITIONS))
        fill(broker.address, EVENTS)
        bare: list[float] = []
        full: dict[str, list[float]] = {reader: [] for reader in ROWS}
        for number in range(ROUNDS):
            bare.append(EVENTS / read_bare(broker.address))
            for reader, stream in streams.items():
                full[reader].append(EVENTS / evaluate(stream, client, f"bench-{reader}-{number}"))
        for stream in streams.values():
            stream.close()
    baseline = statistics.median(bare)
    for reader, name in ROWS.items():
        value = statistics.median(full[reader])
        yield Row(name, value, "events/s", baseline, value / baseline)


def fill(address: str, count: int) -> None:
    """Publish *count* records, keyed by service."""
    producer = KafkaProducer(bootstrap_servers=address, linger_ms=20, acks=1, enable_idempotence=False)
    for record in records(count, FIELDS, per_second=RATE, passing=PASSING):
        producer.send(TOPIC, record.value, key=record.key)
    producer.close()


def read_bare(address: str) -> float:
    """Return the seconds that a loop takes which only reads and decodes."""
    consumer = KafkaConsumer(
        bootstrap_servers=address,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=4 * 1024 * 1024,
        metrics_enabled=False,
    )
    consumer.assign([TopicPartition(TOPIC, number) for number in range(PARTITIONS)])
    decode, count = msgspec.json.decode, 0
    began = time.perf_counter()
    while count < EVENTS:
        for batch in consumer.poll(timeout_ms=1_000, max_records=POLL_RECORDS).values():
            for record in batch:
                decode(record.value)
            count += len(batch)
    took = time.perf_counter() - began
    consumer.close()
    return took


def evaluate(stream: Stream, client: "redis.Redis", installation: str) -> float:
    """Return the seconds from the evaluator's assignment until everything is decided, and every trigger told."""
    for spec in own_topics(OwnTopics(installation)):
        stream.ensure(spec)
    topic = Topic(alias="metrics", topic=TOPIC, partitions=PARTITIONS)
    found = RuleSet("bench", {rule.id: rule for rule in rules(RULES, FIELDS)}, {})
    clock = time.time  # noqa: TID251  # the edge: passed in from here on
    checkpoint = Checkpoint(client, installation)
    evaluator = Evaluator(installation, {"metrics": topic}, stream, checkpoint, lambda: found, clock)
    stop = threading.Event()
    thread = threading.Thread(target=evaluator.run, args=(stop,))
    thread.start()
    wait_until(lambda: evaluator.status.joined)
    began = time.perf_counter()
    wait_until(lambda: sum(evaluator.status.decided.values()) >= EVENTS and not evaluator.status.unacked)
    took = time.perf_counter() - began
    stop.set()
    thread.join()
    return took


def wait_until(done: Callable[[], bool]) -> None:
    """Ask now and then, too seldom to disturb."""
    while not done():
        time.sleep(0.005)
