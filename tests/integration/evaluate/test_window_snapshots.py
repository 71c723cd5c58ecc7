"""Snapshots of windows on real servers, both stream backends: a start reads little, and decides as if it read all."""

from collections.abc import Callable, Iterator

import pytest
import redis
from structlog.testing import capture_logs

from dutyd.core.metrics import REPLAYED
from dutyd.evaluate.engine.snapshots.snapshot import VERSION
from dutyd.evaluate.path import Evaluator
from dutyd.stream import open_stream
from support.broker import Broker
from support.evaluating import Path, a_rule, rule_set, stopped, turn_until

EVENTS = 200
SERVICES = ("a", "b", "c")


@pytest.fixture(params=["redis", "kafka"])
def path(
    request: pytest.FixtureRequest, unique: str, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A path in which minutes pass at once: repeats are known for no time, a round of snapshots takes none."""
    monkeypatch.setattr("dutyd.evaluate.assignment.REPEATS_SECONDS", -10.0)  # less the lateness of the topic
    monkeypatch.setattr("dutyd.evaluate.tasks.ROUND_SECONDS", 0.001)
    if request.param == "kafka":
        broker: Broker = request.getfixturevalue("real_broker")
        stream = open_stream(f"kafka://{broker.address}", {})
    else:
        stream = open_stream(valkey_url, {})
    with redis.Redis.from_url(valkey_url, socket_timeout=5) as client:
        path = Path(stream, client, unique, 1)
        path.rules = rule_set(a_rule("many", f"count(6h) >= {EVENTS + 1}"))
        for service in SERVICES:
            path.publish(*({"service": service, "error_count": n} for n in range(EVENTS)))
        evaluator = path.evaluator()
        path.settle(evaluator)
        stopped(evaluator)
        yield path
        path.close()
    stream.close()


def snapshots(path: Path) -> str:
    return f"{path.name}:task:1.0:windows"


def replayed_by(path: Path) -> tuple[int, list[str]]:
    """Start an evaluator, publish one event more of each service, and return how many were replayed, and warnings."""
    before = REPLAYED.labels("metrics")._value.get()
    with capture_logs() as logs:
        evaluator: Evaluator = path.evaluator()
        turn_until(lambda: bool(evaluator._member.tasks), evaluator)
        path.publish(*({"service": service, "error_count": 1} for service in SERVICES))
        path.settle(evaluator)
    stopped(evaluator)
    warnings = [str(log["event"]) for log in logs if log["log_level"] == "warning"]
    said = [log["replayed"] for log in logs if "replayed" in log]
    replayed = int(REPLAYED.labels("metrics")._value.get() - before)
    assert said == [replayed]
    return replayed, warnings


def test_a_start_replays_only_what_no_snapshot_holds_and_decides_the_same(path: Path) -> None:
    replayed, _ = replayed_by(path)
    assert replayed < EVENTS / 2
    assert path.told() == [("opened", "many", service) for service in SERVICES]


def test_without_snapshots_the_whole_window_is_replayed(path: Path) -> None:
    path.client.delete(snapshots(path))
    replayed, _ = replayed_by(path)
    assert replayed == EVENTS * len(SERVICES)
    assert path.told() == [("opened", "many", service) for service in SERVICES]


def test_snapshots_that_the_owner_before_did_not_write_are_not_used(path: Path) -> None:
    path.client.hset(snapshots(path), "owner", "somebody before, while a dutyd without snapshots went on")
    replayed, _ = replayed_by(path)
    assert replayed == EVENTS * len(SERVICES)
    assert path.told() == [("opened", "many", service) for service in SERVICES]


def test_a_rule_that_was_gone_for_a_while_finds_no_snapshot_of_before(path: Path) -> None:
    rules, path.rules = path.rules, rule_set(a_rule(), digest="two")
    replayed_by(path)
    assert not [name for name in path.client.hkeys(snapshots(path)) if b"[" in name]
    path.rules = rules
    replayed, _ = replayed_by(path)
    assert replayed == (EVENTS + 1) * len(SERVICES)


@pytest.mark.parametrize(
    "spoilt",
    [lambda stored: stored[:-1] + b"?", lambda stored: bytes((VERSION + 1,)) + stored[1:]],
    ids=["damaged", "of another version"],
)
def test_a_damaged_snapshot_or_one_of_another_version_is_refused_and_its_view_replayed(
    path: Path, spoilt: Callable[[bytes], bytes]
) -> None:
    key = snapshots(path)
    fields: dict[bytes, bytes] = path.client.hgetall(key)  # type: ignore[assignment]  # sync client
    damaged = next(name for name in fields if b'["b"]' in name)
    path.client.hset(key, damaged, spoilt(fields[damaged]))
    replayed, warnings = replayed_by(path)
    assert warnings == ["snapshots of windows are damaged, or of another version: their rules' windows are replayed"]
    assert replayed == EVENTS * len(SERVICES)
    assert path.told() == [("opened", "many", service) for service in SERVICES]
    assert replayed_by(path)[1] == []  # all of them were written anew


def test_a_window_that_an_edit_brought_is_replayed_beside_those_that_stay(path: Path) -> None:
    edited = a_rule("more", f"count(6h) >= {EVENTS + 1} && sum(error_count, 2h) >= {EVENTS * (EVENTS - 1) / 2 + 1}")
    path.rules = rule_set(a_rule("many", f"count(6h) >= {EVENTS + 1}"), edited, digest="two")
    replayed, _ = replayed_by(path)
    assert replayed == EVENTS * len(SERVICES)
    assert sorted(path.told()) == sorted(("opened", rule, name) for rule in ("many", "more") for name in SERVICES)


def test_snapshots_expire_once_no_window_reaches_back_to_them(path: Path) -> None:
    left = path.client.ttl(snapshots(path))
    assert 6 * 3600 < int(left) <= 30 * 3600
