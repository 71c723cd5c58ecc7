"""A topic gets more partitions: nothing starts before its state was moved, and then every incident is known again."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from kafka import KafkaAdminClient

from dutyd.core.errors import WrongError
from dutyd.evaluate.repartition import repartition
from dutyd.stream import open_stream
from dutyd.stream.kafka.placing import place
from support.broker import Broker
from support.evaluating import Path, stopped, wait_until

SERVICES = tuple("abcdefghijklmnopqrst")


@pytest.fixture
def path(kafka_broker: Broker, unique: str, valkey_url: str) -> Iterator[Path]:
    if kafka_broker.lacks:
        pytest.skip("the mock broker can't add partitions")
    stream = open_stream(f"kafka://{kafka_broker.address}", {})
    with redis.Redis.from_url(valkey_url, socket_timeout=5) as client:
        path = Path(stream, client, unique, 2)
        path.topics = {"metrics": replace(path.topics["metrics"], partitioned_by=("service",))}
        yield path
        path.close()
    stream.close()


def test_open_incidents_follow_their_entities_to_new_partitions(path: Path, kafka_broker: Broker) -> None:
    first = path.evaluator()
    path.publish(*({"service": name, "error_count": 12} for name in SERVICES))
    path.settle(first)
    stopped(first)
    topic = path.topics["metrics"]
    admin: Any = KafkaAdminClient(bootstrap_servers=kafka_broker.address)
    admin.create_partitions({topic.topic: 5})
    admin.close()

    wait_until(lambda: path.stream.partitions(topic.topic) == 5)
    refused = path.evaluator()
    with pytest.raises(WrongError, match="dutyd state repartition"):
        refused.turn()
    checkpoint = path.checkpoint()
    done = repartition(checkpoint, topic, checkpoint.counts()[topic.topic], path.stream.spans([topic.topic]), place)
    assert (done.before, done.now, done.latches) == (2, 5, len(SERVICES))
    assert 0 < done.moved < len(SERVICES)

    path._producer.close()
    path._producer = path.stream.producer()  # the old one spreads keys over two partitions until its metadata expire
    path.publish(*({"service": name, "error_count": 14} for name in SERVICES))
    path.publish(*({"service": name, "error_count": 1} for name in SERVICES))
    second = path.evaluator()
    path.settle(second)
    stopped(second)
    told = path.told()
    assert sorted(told) == sorted([(kind, "errors", name) for name in SERVICES for kind in ("opened", "cleared")])
