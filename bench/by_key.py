"""What the way by key costs: a second time through Kafka, against rules that the producers' key fits, in the same run.

One process, a real broker and a real Valkey that fsyncs, the records and rules of ``kafka_in_trigger_out``. ``by_key``:
every event is carried to the by-key topic, brought back into order and judged there, against the same rules on the
source topic. ``by_key_delay``: from publishing one event on a quiet topic to its trigger in the triggers topic, the
median, against the same on the source topic.
"""

import json
import random
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from prometheus_client import REGISTRY

from dutyd.core.expr import parse
from dutyd.core.rule import Rule, RuleSet
from dutyd.core.topic import Start, Topic, by_key_alias, own_topics_of
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.path import Evaluator
from dutyd.stream import open_stream
from dutyd.stream.base import Stream, TopicSpec
from dutyd.stream.own_topics import own_topics
from kafka_in_trigger_out import FIELDS, PARTITIONS, RULES, TOPIC, fill, wait_until
from row import Row
from support.broker import running_broker
from support.valkey import running_valkey
from worlds import rules

EVENTS = 100_000
ROUNDS = 3
ONE_BY_ONE = 12
WAYS = ("direct", "by_key")
QUIET = {way: f"bench-quiet-{way}" for way in WAYS}


def rows() -> Iterator[Row]:
    """Measure, and yield the rows ``by_key`` and ``by_key_delay``."""
    with running_broker() as broker, running_valkey() as url, redis.Redis.from_url(url) as client:
        if broker.lacks:
            return
        stream = open_stream(f"kafka://{broker.address}", {})
        for topic in (TOPIC, *QUIET.values()):
            stream.ensure(TopicSpec(topic, PARTITIONS))
        fill(broker.address, EVENTS)
        took: dict[str, list[float]] = {way: [] for way in WAYS}
        for number in range(ROUNDS):
            for way in WAYS:
                took[way].append(all_of_it(stream, client, way, number))
        direct, by_key = (EVENTS / statistics.median(took[way]) for way in WAYS)
        yield Row("by_key", by_key, "events/s", direct, by_key / direct)
        direct, by_key = (statistics.median(delays(stream, client, way)) * 1000 for way in WAYS)
        yield Row("by_key_delay", by_key, "ms", direct, by_key / direct)
        stream.close()


def all_of_it(stream: Stream, client: "redis.Redis", way: str, number: int) -> float:
    """Return the seconds from the evaluator's assignment until every event was judged."""
    alias = by_key_alias("metrics") if way == "by_key" else "metrics"
    before = judged(alias)
    with evaluating(stream, client, way, number, TOPIC, rules(RULES, FIELDS)):
        began = time.perf_counter()
        wait_until(lambda: judged(alias) - before >= EVENTS)
        return time.perf_counter() - began


def judged(alias: str) -> float:
    """Return how many events of *alias* this process has judged."""
    return REGISTRY.get_sample_value("dutyd_events_total", {"topic": alias}) or 0.0


def delays(stream: Stream, client: "redis.Redis", way: str) -> list[float]:
    """Return the seconds from each of some events to its trigger."""
    chance, rule = random.Random(7), Rule(id="errors", topic="metrics", per=("service",), when=parse("errors > 10"))
    producer = stream.producer()
    with evaluating(stream, client, way, ROUNDS, QUIET[way], [rule]) as triggers:
        consumer = stream.consumer(f"{triggers}.bench", {triggers: Start.EARLIEST}, client="bench")
        wait_until(lambda: bool(consumer.poll(1.0, 10).assigned))
        took = []
        for number in range(ONE_BY_ONE):
            time.sleep(chance.uniform(1.0, 2.0))
            event = {"id": f"{way}{number}", "service": f"s{number}", "errors": 11}
            began = time.perf_counter()
            producer.send(QUIET[way], json.dumps(event).encode(), key=str(number).encode())
            producer.flush()
            wait_until(lambda: bool(consumer.poll(1.0, 10).records))
            took.append(time.perf_counter() - began)
        consumer.close()
    producer.close()
    return took


@contextmanager
def evaluating(
    stream: Stream, client: "redis.Redis", way: str, number: int, topic: str, found: list[Rule]
) -> Iterator[str]:
    """Run an evaluator on *topic*, whose key fits unless they go ``by_key``; yield the name of the triggers topic."""
    installation = f"bench-{way}-{number}"
    fits = ("rack",) if way == "by_key" else ("service",)
    source = Topic(alias="metrics", topic=topic, partitions=PARTITIONS, partitioned_by=fits, rekey=True)
    own = own_topics_of(installation, [source])
    for spec in own_topics(own):
        stream.ensure(spec)
    loaded = RuleSet("bench", {rule.id: rule for rule in found}, {})
    clock = time.time  # noqa: TID251  # the edge: passed in from here on
    checkpoint = Checkpoint(client, installation)
    evaluator = Evaluator(installation, {"metrics": source}, stream, checkpoint, lambda: loaded, clock)
    stop = threading.Event()
    thread = threading.Thread(target=evaluator.run, args=(stop,))
    thread.start()
    wait_until(lambda: evaluator.status.joined)
    yield own.triggers
    stop.set()
    thread.join()
