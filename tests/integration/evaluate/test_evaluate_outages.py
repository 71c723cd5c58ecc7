"""The evaluate path while servers go away, come back without data, and partitions move: real Kafka, real Valkey."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from dutyd.evaluate.path import Evaluator
from dutyd.stream import open_stream
from support.broker import Broker
from support.evaluating import Path, a_rule, abandon, rule_set, turn_until, wait_until
from support.valkey_server import ValkeyServer


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def path(real_broker: Broker, server: ValkeyServer, unique: str) -> Iterator[Path]:
    stream = open_stream(f"kafka://{real_broker.address}", {})
    with redis.Redis.from_url(server.url, socket_timeout=1, socket_connect_timeout=1) as client:
        path = Path(stream, client, unique, 3)
        yield path
        path.close()
    stream.close()


@contextmanager
def running(path: Path) -> Iterator[Evaluator]:
    """An evaluator of the path in a thread of its own."""
    evaluator, stop = path.evaluator(), threading.Event()
    thread = threading.Thread(target=evaluator.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: len(evaluator.status.decided) == 3)
        yield evaluator
    finally:
        stop.set()
        thread.join()


def opened(path: Path) -> list[str]:
    return sorted(service for kind, _, service in path.told() if kind == "opened")


def test_nothing_is_told_while_redis_is_away_and_nothing_is_lost(path: Path, server: ValkeyServer) -> None:
    with running(path) as evaluator:
        path.publish({"service": "a", "error_count": 12})
        wait_until(lambda: opened(path) == ["a"])
        server.stop()
        path.publish({"service": "b", "error_count": 12}, {"service": "c", "error_count": 12})
        wait_until(lambda: "Redis" in evaluator.status.trouble)
        assert opened(path) == ["a"]
        server.start()
        wait_until(lambda: opened(path) == ["a", "b", "c"])
        wait_until(lambda: evaluator.status.trouble == "")


def test_a_redis_that_comes_back_empty_is_filled_from_memory(path: Path, server: ValkeyServer) -> None:
    with running(path):
        path.publish({"service": "a", "error_count": 12}, {"service": "b", "error_count": 12})
        wait_until(path.decided_all)
        server.stop()
        server.forget()
        server.start()
        wait_until(path.decided_all)
        path.publish({"service": "a", "error_count": 1})
        wait_until(lambda: ("cleared", "errors", "a") in path.told())
    assert opened(path) == ["a", "b"]


def test_triggers_that_an_older_copy_of_redis_does_not_know_are_taken_from_their_topic(
    path: Path, server: ValkeyServer
) -> None:
    path.publish({"service": "a", "error_count": 1})
    path.settle(first := path.evaluator())
    copy = server.copy()
    path.publish({"service": "a", "error_count": 12})
    path.settle(first)
    abandon(first)
    server.stop()
    server.put_back(copy)
    server.start()

    path.publish({"service": "a", "error_count": 1})
    path.settle(second := path.evaluator())
    abandon(second)
    both = path.triggers()
    assert {trigger.incident for trigger in both} == {both[0].incident}
    assert path.told()[-1] == ("cleared", "errors", "a")


def test_latches_and_windows_move_with_their_partitions(path: Path) -> None:
    services = [f"s{n}" for n in range(12)]
    path.rules = rule_set(a_rule(), a_rule("many", "count(5m) >= 3"))
    for service in services:
        path.publish({"service": service, "error_count": 12}, {"service": service, "error_count": 13})
    path.settle(one := path.evaluator())
    two = path.evaluator()
    turn_until(
        lambda: len(one._member.tasks) + len(two._member.tasks) == 3 and bool(one._member.tasks and two._member.tasks),
        one,
        two,
    )
    for service in services:
        path.publish({"service": service, "error_count": 1})
    path.settle(one, two)
    abandon(one)
    turn_until(lambda: len(two._member.tasks) == 3, two)
    for service in services:
        path.publish({"service": service, "error_count": 1})
    path.settle(two)
    abandon(two)

    told = [(kind, rule) for kind, rule, _ in path.told()]
    assert {each: told.count(each) for each in told} == {
        ("opened", "errors"): 12,
        ("cleared", "errors"): 12,
        ("opened", "many"): 12,
    }


def test_offsets_are_committed_when_their_triggers_are_acknowledged(path: Path) -> None:
    path.publish(*[{"service": f"s{n}", "error_count": 12} for n in range(9)])
    evaluator = path.evaluator()
    path.settle(evaluator)
    assert evaluator._member.consumer is not None
    ends = {each: span.end for each, span in path.stream.spans([path.topics["metrics"].topic]).items()}
    consumer = evaluator._member.consumer
    turn_until(lambda: {p: at or 0 for p, at in consumer.committed(sorted(ends)).items()} == ends, evaluator)
    abandon(evaluator)
