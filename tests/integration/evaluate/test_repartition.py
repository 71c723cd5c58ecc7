"""A topic gets more partitions: nothing starts before its state was moved, and then every incident is known again."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from kafka import KafkaAdminClient

from dutyd.core.errors import WrongError
from dutyd.core.expr import parse
from dutyd.core.rule import Rule
from dutyd.evaluate.repartition import Moved, repartition
from dutyd.evaluate.schedule import read_schedule
from dutyd.stream import open_stream
from dutyd.stream.kafka.placing import place
from support.broker import Broker
from support.evaluating import Path, rule_set, stopped, turn_until, wait_until

SERVICES = tuple("abcdefghijklmnopqrst")


@pytest.fixture
def path(real_broker: Broker, unique: str, valkey_url: str) -> Iterator[Path]:
    stream = open_stream(f"kafka://{real_broker.address}", {})
    with redis.Redis.from_url(valkey_url, socket_timeout=5) as client:
        path = Path(stream, client, unique, 2)
        path.topics = {"metrics": replace(path.topics["metrics"], partitioned_by=("service",))}
        yield path
        path.close()
    stream.close()


def grow(path: Path, broker: Broker) -> None:
    """Give the topic five partitions in place of two."""
    topic = path.topics["metrics"].topic
    admin: Any = KafkaAdminClient(bootstrap_servers=broker.address)
    admin.create_partitions({topic: 5})
    admin.close()
    wait_until(lambda: path.stream.partitions(topic) == 5)


def move(path: Path) -> Moved:
    """Do what ``dutyd state repartition`` does."""
    topic, checkpoint = path.topics["metrics"], path.checkpoint()
    return repartition(
        checkpoint, topic, checkpoint.notes.counts()[topic.topic], path.stream.spans([topic.topic]), place
    )


def test_open_incidents_follow_their_entities_to_new_partitions(path: Path, real_broker: Broker) -> None:
    first = path.evaluator()
    path.publish(*({"service": name, "error_count": 12} for name in SERVICES))
    path.settle(first)
    stopped(first)
    grow(path, real_broker)
    refused = path.evaluator()
    with pytest.raises(WrongError, match="dutyd state repartition"):
        refused.turn()
    done = move(path)
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


def test_a_scheduled_rule_neither_loses_nor_repeats_a_due_time(path: Path, real_broker: Broker) -> None:
    path.rules = rule_set(
        Rule(id="report", topic="", when=parse("true"), schedule=read_schedule("* * * * *", "UTC", 600.0))
    )
    path.ahead = 15 - path.now() % 60  # no minute begins by itself
    began, first = path.now(), path.evaluator()
    turn_until(lambda: any(path.client.hlen(each) for each in path.client.scan_iter(f"{path.name}:*:latches")), first)
    path.ahead += 60.0
    turn_until(lambda: len(path.triggers()) == 1, first)
    stopped(first)
    grow(path, real_broker)
    move(path)

    path.ahead += 60.0  # due while nobody is there
    second = path.evaluator()
    turn_until(lambda: len(path.triggers()) == 2, second)
    stopped(second)
    third = path.evaluator()  # knows both tasks' marks by now
    path.ahead += 60.0
    turn_until(lambda: len(path.triggers()) == 3, third)
    stopped(third)
    assert [each.opened for each in path.triggers()] == [(began // 60 + n) * 60 for n in (1, 2, 3)]
