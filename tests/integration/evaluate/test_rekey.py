"""Rules over other fields than a topic is partitioned by: judged as on a topic of one partition, whoever dies."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import redis
from kafka import KafkaAdminClient

from dutyd.core.errors import WrongError
from dutyd.core.expr import parse
from dutyd.core.topic import own_topics_of, read_topics
from dutyd.evaluate.path import Evaluator
from dutyd.evaluate.repartition import repartition
from dutyd.stream import open_stream
from dutyd.stream.kafka.placing import place
from dutyd.stream.own_topics import own_topics
from support.broker import Broker
from support.evaluating import (
    DeathError,
    MortalCheckpoint,
    MortalStream,
    Path,
    a_rule,
    abandon,
    rule_set,
    stopped,
    turn_until,
    wait_until,
)

HOSTS = [f"h{number}" for number in range(9)]
SERVICES = ["cart", "pay", "search", "stock"]
LATENESS = 3_600.0
"""No timer of a quiet entity is due in the time a test takes: only events decide, so that runs can be compared."""

RULES = (
    a_rule("errors", per=("service",)),
    a_rule("held", "error_count > 8", per=("service",), hold=4.0),
    a_rule("sums", "sum(error_count, 30s) > 90", per=("service",)),
    a_rule("spread", "error_count > 14", per=("service", "zone"), where=parse('zone == "b"')),
    a_rule("whole", "count(20s) > 19", per=()),
    a_rule("hosts", "error_count > 16", per=("host",)),
)


def make(broker: Broker, client: "redis.Redis", name: str, partitions: int) -> Path:
    path = Path(open_stream(f"kafka://{broker.address}", {}), client, name, partitions)
    rekeyed = replace(
        path.topics["metrics"], partitioned_by=("host",), rekey=partitions > 1, lateness=LATENESS, partitions=partitions
    )
    path.topics = {"metrics": rekeyed}
    path.rules = rule_set(*RULES)
    for spec in own_topics(own_topics_of(name, path.topics.values())):
        path.stream.ensure(spec)
    return path


@pytest.fixture
def paths(real_broker: Broker, unique: str, valkey_url: str) -> Iterator[Callable[[int], Path]]:
    made: list[Path] = []
    with redis.Redis.from_url(valkey_url, socket_timeout=5) as client:

        def new(partitions: int) -> Path:
            made.append(make(real_broker, client, f"{unique}-{len(made)}", partitions))
            return made[-1]

        yield new
        for path in made:
            path.close()
            path.stream.close()


def events(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Return events a second apart whose last ones clear everything."""
    dice = random.Random(seed)
    began = time.time() - 2 * count  # noqa: TID251  # the edge
    found = [
        {
            "id": f"e{number}",
            "time": began + number,
            "host": dice.choice(HOSTS),
            "service": dice.choice(SERVICES),
            "zone": dice.choice("ab"),
            "error_count": dice.randrange(20),
        }
        for number in range(count)
    ]
    lasts = [(host, service, zone) for host in HOSTS for service in SERVICES for zone in "ab"]
    calm = [{"host": host, "service": service, "zone": zone, "error_count": 0} for host, service, zone in lasts]
    return found + [
        {"id": f"z{number}", "time": began + count + 60 + number, **each} for number, each in enumerate(calm)
    ]


def publish(path: Path, some: Sequence[Mapping[str, Any]]) -> None:
    """Publish as a producer does that knows hosts."""
    for event in some:
        path._producer.send(path.topics["metrics"].topic, json.dumps(event).encode(), key=event["host"].encode())
        time.sleep(0.001)  # records are dated by the millisecond
    path._producer.flush()


def settle(path: Path, *evaluators: Evaluator) -> None:
    """Turn until all that is published is decided, also by key."""
    topics = read_topics(own_topics_of(path.name, path.topics.values()), path.topics.values())
    path.settle(*evaluators)
    by_key = [topic for topic in topics if topic.carries]
    ends = {each: span.end for each, span in path.stream.spans([topic.topic for topic in by_key]).items()}
    turn_until(lambda: path.decided_in(by_key, ends), *evaluators)


def story(path: Path) -> list[tuple[Any, ...]]:
    """Return what happened, without where it was decided; what was produced twice counts once."""
    found = {(one.rule, tuple(one.entity.items()), one.kind, one.incident, one.decided) for one in path.triggers()}
    return sorted(found)


def on_one_partition(paths: Callable[[int], Path], some: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    path = paths(1)
    publish(path, some)
    evaluator = path.evaluator()
    settle(path, evaluator)
    abandon(evaluator)
    return story(path)


def test_openings_are_those_of_one_partition_whoever_dies_and_comes(paths: Callable[[int], Path]) -> None:
    some = events(600)
    wanted = on_one_partition(paths, some)
    assert {rule for rule, *_ in wanted} == {rule.id for rule in RULES}

    path = paths(4)
    publish(path, some[:250])  # read in one go, partition by partition
    dying = MortalCheckpoint(path.client, path.name)
    first = path.evaluator(dying)
    dying.dies = "before write"  # what was carried is there, that it was is not known
    with pytest.raises(DeathError):
        turn_until(lambda: False, first)
    abandon(first)

    stream = MortalStream(path.stream)
    second = path.evaluator(stream=stream)
    publish(path, some[250:350])
    stream.made[0].dies = "after produce"
    with pytest.raises(DeathError):
        turn_until(lambda: False, second)
    abandon(second)

    third, fourth = path.evaluator(), path.evaluator()
    turn_until(lambda: bool(third._member.tasks), third)
    publish(path, some[350:450])
    turn_until(lambda: bool(third._member.tasks) and bool(fourth._member.tasks), third, fourth)  # a rebalance
    publish(path, some[450:])
    settle(path, third, fourth)
    stopped(third)
    settle(path, fourth)
    stopped(fourth)
    assert story(path) == wanted


def tell(path: Path, **fields: Any) -> None:
    """Publish one event of now."""
    path._number += 1
    whole = {"id": f"n{path._number}", "host": "h1", "service": "a", "zone": "z", **fields}
    publish(path, [whole])


def test_quiet_entities_and_lost_checkpoints_are_as_on_any_topic(paths: Callable[[int], Path]) -> None:
    path = paths(4)
    path.topics = {"metrics": replace(path.topics["metrics"], lateness=0.2)}
    path.rules = rule_set(a_rule(hold=0.5))
    first = path.evaluator()
    tell(path, error_count=12)
    turn_until(lambda: path.told() == [("opened", "errors", "a")], first)  # by the time of partitions without events
    abandon(first)
    path.forget_checkpoints()

    second = path.evaluator()
    tell(path, error_count=13, host="h2")
    tell(path, error_count=1, host="h3")
    settle(path, second)
    abandon(second)
    opened, cleared = path.triggers()
    assert (cleared.kind, cleared.incident) == ("cleared", opened.incident)


def test_a_window_of_a_new_rule_is_unknown_until_its_events_were_carried_for_its_length(
    paths: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dutyd.evaluate.path.SWEEP_SECONDS", 0.1)
    path = paths(4)
    path.rules = rule_set(a_rule())
    first = path.evaluator()
    for host in HOSTS:  # of each source partition
        tell(path, host=host, error_count=1)
    settle(path, first)
    path.rules = rule_set(a_rule(), a_rule("rare", "count(3s) < 2", per=("zone",)), digest="two")
    turn_until(lambda: first._planned.digest == "two", first)
    tell(path, error_count=1)
    began = time.monotonic()
    settle(path, first)
    stopped(first)

    second = path.evaluator()  # finds on the by-key topic what was carried, and not what was not
    settle(path, second)
    turn_until(lambda: time.monotonic() - began > 4.0, second)
    assert path.told() == []
    tell(path, error_count=1)
    settle(path, second)
    stopped(second)
    (opened,) = path.triggers()
    assert (opened.rule, opened.evidence.values) == ("rare", {"count(3s)": 0})  # the event before has left the window


def test_its_state_follows_the_entities_to_new_partitions(paths: Callable[[int], Path], real_broker: Broker) -> None:
    path = paths(2)
    path.rules = rule_set(a_rule())
    first = path.evaluator()
    for service in "abcdefghij":
        tell(path, service=service, error_count=12)
    settle(path, first)
    stopped(first)
    *_, by_key = read_topics(own_topics_of(path.name, path.topics.values()), path.topics.values())
    admin: Any = KafkaAdminClient(bootstrap_servers=real_broker.address)
    admin.create_partitions({by_key.topic: 5})
    admin.close()
    wait_until(lambda: path.stream.partitions(by_key.topic) == 5)
    with pytest.raises(WrongError, match="dutyd state repartition"):
        path.evaluator().turn()
    done = repartition(path.checkpoint(), by_key, 2, path.stream.spans([by_key.topic]), place)
    assert (done.before, done.now, done.latches) == (2, 5, 10)
    assert done.moved > 0

    second = path.evaluator()
    for service in "abcdefghij":
        tell(path, service=service, error_count=14)
        tell(path, service=service, error_count=1)
    settle(path, second)
    stopped(second)
    assert sorted(kind for kind, *_ in path.told()) == ["cleared"] * 10 + ["opened"] * 10
