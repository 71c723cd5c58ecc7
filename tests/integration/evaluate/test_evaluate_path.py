"""The evaluate path on real servers, on both stream backends: what is promised when processes die."""

import threading
from collections.abc import Iterator, Sequence

import pytest
import redis

from dutyd.core.errors import NotReadyError, WrongError
from dutyd.core.event import Event
from dutyd.core.expr import parse
from dutyd.core.incident import incident_id
from dutyd.core.metrics import TOPIC_MISSING
from dutyd.core.rule import Rule
from dutyd.core.topic import Start, Topic
from dutyd.evaluate.engine import Change, Plan, State, judge, plan
from dutyd.evaluate.schedule import read_schedule
from dutyd.stream import open_stream
from dutyd.stream.base import TopicSpec
from dutyd.stream.formats import Decoder
from support.broker import Broker
from support.evaluating import (
    DeathError,
    MortalCheckpoint,
    MortalStream,
    Path,
    a_rule,
    abandon,
    now_text,
    rule_set,
    stopped,
    turn_until,
    wait_until,
)


@pytest.fixture(params=["redis", "kafka"])
def path(request: pytest.FixtureRequest, unique: str, valkey_url: str) -> Iterator[Path]:
    if request.param == "kafka":
        broker: Broker = request.getfixturevalue("real_broker")
        stream, partitions = open_stream(f"kafka://{broker.address}", {}), 3
    else:
        stream, partitions = open_stream(valkey_url, {}), 1
    with redis.Redis.from_url(valkey_url, socket_timeout=5) as client:
        path = Path(stream, client, unique, partitions)
        yield path
        path.close()
    stream.close()


def test_an_incident_is_opened_and_cleared(path: Path) -> None:
    evaluator = path.evaluator()
    path.publish({"service": "a", "error_count": 3}, {"service": "a", "error_count": 12, "id": "x"})
    path.publish({"service": "b", "error_count": 1}, {"service": "a", "error_count": 2})
    path.settle(evaluator)
    opened, cleared = path.triggers()
    assert path.told() == [("opened", "errors", "a"), ("cleared", "errors", "a")]
    assert opened.incident == cleared.incident == incident_id("errors", ("a",), opened.occurrence)
    assert opened.evidence.id == "x"
    assert cleared.opening == opened.evidence
    abandon(evaluator)


BURST = [{"service": f"s{n % 7}", "error_count": 20 if n % 3 else 1} for n in range(60)]


@pytest.mark.parametrize("moment", ["before write", "after write", "after produce"])
@pytest.mark.parametrize("behind", [False, True])
def test_a_process_that_dies_loses_no_trigger_and_doubles_no_incident(
    path: Path, moment: str, behind: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if behind:  # writes are under way beside the next turns
        monkeypatch.setattr("dutyd.evaluate.path.POLL_RECORDS", 7)
    path.publish(*BURST)
    checkpoint, stream = MortalCheckpoint(path.client, path.name), MortalStream(path.stream)
    dying = path.evaluator(checkpoint, stream)
    checkpoint.dies = stream.made[0].dies = moment
    with pytest.raises(DeathError):
        path.settle(dying)
    abandon(dying)

    heir = path.evaluator()
    path.settle(heir)
    abandon(heir)

    assert {(trigger.kind.value, trigger.incident) for trigger in path.triggers()} == expected(path)


def expected(path: Path) -> set[tuple[str, str]]:
    """What one evaluator that never dies decides: by the engine alone, over what the topic holds."""
    topic = path.topics["metrics"]
    found: set[tuple[str, str]] = set()
    for number in range(topic.partitions):
        state, rules = State(), plan(path.rules.rules.values())
        records = [record for partition, record in path.stream.scan(topic.topic) if partition.number == number]
        changes = judge(rules, state, "metrics", Decoder(topic, number).decode(records).events)
        found |= {(each.kind.value, incident_id(each.rule, each.entity, each.occurrence)) for each in changes}
    assert len(found) > 20
    return found


def test_a_zombie_stops_and_produces_nothing(path: Path) -> None:
    zombie = path.evaluator()
    path.publish({"service": "a", "error_count": 1})
    path.settle(zombie)
    for task in list(zombie._member.tasks):
        path.checkpoint().claim(task, "another")

    path.publish({"service": "a", "error_count": 12})
    with pytest.raises(NotReadyError, match="another process"):
        turn_until(lambda: False, zombie)
    assert path.told() == []

    path.settle(zombie)
    assert path.told() == [("opened", "errors", "a")]
    abandon(zombie)


def test_latches_and_rounds_of_deciding_survive_a_restart(path: Path) -> None:
    path.publish({"service": "a", "error_count": 12}, {"service": "b", "error_count": 12})
    path.settle(first := path.evaluator())
    abandon(first)
    path.publish({"service": "a", "error_count": 13}, {"service": "b", "error_count": 2})
    path.settle(second := path.evaluator())
    abandon(second)
    assert path.told() == [("opened", "errors", "a"), ("opened", "errors", "b"), ("cleared", "errors", "b")]


def test_windows_are_known_again_after_a_restart(path: Path) -> None:
    path.rules = rule_set(a_rule("many", "count(5m) >= 4"))
    path.publish(*[{"service": "a", "error_count": n} for n in range(3)])
    path.settle(first := path.evaluator())
    abandon(first)
    path.publish({"service": "a", "error_count": 9})
    path.settle(second := path.evaluator())
    abandon(second)
    assert path.told() == [("opened", "many", "a")]


def test_an_event_that_comes_again_after_a_restart_is_known(path: Path) -> None:
    path.rules = rule_set(a_rule("many", "count(5m) >= 2"))
    event = {"service": "a", "error_count": 1, "id": "same", "time": now_text(-5)}
    path.publish(event)
    path.settle(first := path.evaluator())
    abandon(first)
    path.publish(event)
    path.settle(second := path.evaluator())
    abandon(second)
    assert path.told() == []


@pytest.mark.parametrize("committed", [True, False])
def test_open_incidents_come_from_the_triggers_topic_where_redis_has_no_checkpoint(path: Path, committed: bool) -> None:
    path.publish(
        {"service": "a", "error_count": 12}, {"service": "b", "error_count": 12}, {"service": "b", "error_count": 1}
    )
    path.settle(first := path.evaluator())
    (stopped if committed else abandon)(first)
    before = path.triggers()
    path.forget_checkpoints()

    path.publish({"service": "b", "error_count": 3})
    path.settle(between := path.evaluator())
    abandon(between)
    path.publish({"service": "a", "error_count": 13}, {"service": "a", "error_count": 2})
    path.settle(second := path.evaluator())
    abandon(second)

    *same, cleared = path.triggers()
    assert same == before
    assert (cleared.kind, cleared.incident) == ("cleared", before[0].incident)


def test_a_checkpoint_that_redis_lost_is_written_again_from_memory(path: Path) -> None:
    evaluator = path.evaluator()
    path.publish({"service": "a", "error_count": 12})
    path.settle(evaluator)
    path.forget_checkpoints()
    path.publish({"service": "b", "error_count": 12})
    turn_until(lambda: len(path.triggers()) == 2 and path.decided_all(), evaluator)
    abandon(evaluator)

    path.publish({"service": "a", "error_count": 1}, {"service": "b", "error_count": 1})
    path.settle(heir := path.evaluator())
    abandon(heir)
    assert [kind for kind, _, _ in path.told()] == ["opened", "opened", "cleared", "cleared"]


def test_for_fires_in_a_topic_that_fell_silent(path: Path) -> None:
    path.rules = rule_set(a_rule(hold=60.0))
    evaluator = path.evaluator()
    path.publish({"service": "a", "error_count": 12})
    path.settle(evaluator)
    assert path.told() == []
    path.ahead = 100.0
    turn_until(lambda: path.told() == [("opened", "errors", "a")], evaluator)
    (opened,) = path.triggers()
    assert opened.opened == opened.evidence.time + 60.0
    abandon(evaluator)


def test_a_pending_latch_survives_a_restart(path: Path) -> None:
    path.rules = rule_set(a_rule(hold=60.0))
    path.publish({"service": "a", "error_count": 12, "id": "began"})
    path.settle(first := path.evaluator())
    abandon(first)
    path.ahead = 100.0
    turn_until(lambda: path.told() == [("opened", "errors", "a")], second := path.evaluator())
    assert "began" in path.triggers()[0].occurrence
    abandon(second)


def test_what_cannot_be_understood_goes_to_the_dead_letters(path: Path) -> None:
    path.publish_raw(b"not JSON")
    path.publish({"service": "a", "error_count": 12})
    path.settle(evaluator := path.evaluator())
    abandon(evaluator)
    (dead,) = path.dead_letters()
    assert dead.value == b"not JSON"
    assert "JSON" in dead.reason
    assert path.told() == [("opened", "errors", "a")]


def test_a_record_that_fails_unexpectedly_is_left_out_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(plan: Plan, state: State, alias: str, events: Sequence[Event]) -> list[Change]:
        if any(event.id == "poison" for event in events):
            raise ZeroDivisionError("a fault of ours")
        return judge(plan, state, alias, events)

    monkeypatch.setattr("dutyd.evaluate.tasks.judge", failing)
    for name in ("a", "b"):
        path.publish({"service": name, "error_count": 12}, {"service": name, "id": "poison"} if name == "a" else {})
    path.publish({"service": "a", "error_count": 1}, {"service": "c", "error_count": 12})
    path.settle(evaluator := path.evaluator())
    abandon(evaluator)

    assert sorted(path.told()) == [
        ("cleared", "errors", "a"),
        ("opened", "errors", "a"),
        ("opened", "errors", "b"),
        ("opened", "errors", "c"),
    ]
    (dead,) = path.dead_letters()
    assert b"poison" in (dead.value or b"")
    assert "ZeroDivisionError" in dead.traceback


def test_rules_change_while_events_flow(path: Path) -> None:
    evaluator = path.evaluator()
    path.publish({"service": "a", "error_count": 12}, {"service": "b", "error_count": 7})
    path.settle(evaluator)
    path.rules = rule_set(a_rule(when="error_count > 5"), digest="two")
    turn_until(lambda: evaluator._planned.digest == "two", evaluator)
    path.publish({"service": "a", "error_count": 7}, {"service": "b", "error_count": 7})
    path.settle(evaluator)
    assert path.told() == [("opened", "errors", "a"), ("opened", "errors", "b")]
    assert [trigger.digest for trigger in path.triggers()] == ["one", "two"]
    abandon(evaluator)


def test_incidents_of_a_rule_whose_entities_changed_over_a_restart_are_closed(path: Path) -> None:
    path.publish({"service": "a", "host": "h", "error_count": 12})
    path.settle(first := path.evaluator())
    abandon(first)
    path.rules = rule_set(a_rule(per=("service", "host")), digest="two")
    turn_until(lambda: len(path.triggers()) == 2, second := path.evaluator())
    abandon(second)
    opened, cleared = path.triggers()
    assert (cleared.incident, cleared.because, cleared.entity) == (opened.incident, "rule changed", {"service": "a"})


def test_a_stop_writes_and_commits_what_is_decided(path: Path) -> None:
    path.publish({"service": "a", "error_count": 12}, {"service": "a", "error_count": 1})
    evaluator, stop = path.evaluator(), threading.Event()
    thread = threading.Thread(target=evaluator.run, args=(stop,))
    thread.start()
    wait_until(lambda: sum(evaluator.status.decided.values()) > 0)
    stop.set()
    thread.join()

    assert path.told() == [("opened", "errors", "a"), ("cleared", "errors", "a")]
    assert path.decided_all()
    partitions = list(path.stream.spans([path.topics["metrics"].topic]))
    reader = path.stream.consumer(f"{path.name}.evaluate", {path.topics["metrics"].topic: Start.EARLIEST}, client="c")
    committed = reader.committed(partitions)
    reader.close()
    assert max(offset or 0 for offset in committed.values()) > 0


def test_a_topic_that_is_missing_is_waited_for_while_the_others_are_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dutyd.evaluate.membership.LOOK_SECONDS", 0.1)
    other = path.topics["other"] = Topic(alias="other", topic=f"{path.name}-other", start=Start.LATEST)
    path.rules = rule_set(a_rule(), a_rule("others", topic="other"))
    evaluator = path.evaluator()
    path.publish({"service": "a", "error_count": 12})
    path.settle(evaluator)
    assert path.told() == [("opened", "errors", "a")]
    assert list(evaluator.status.missing) == [other.topic]
    assert TOPIC_MISSING.labels("other")._value.get() == 1

    path.stream.ensure(TopicSpec(other.topic, 2))
    path.publish({"service": "b", "error_count": 12}, topic="other")  # before anybody reads: not missed for all that
    path.settle(evaluator)
    assert path.told() == [("opened", "errors", "a"), ("opened", "others", "b")]
    assert not evaluator.status.missing
    assert TOPIC_MISSING.labels("other")._value.get() == 0
    stopped(evaluator)


def test_where_no_topic_is_there_nothing_is_read_and_it_is_said(path: Path) -> None:
    path.topics = {"other": Topic(alias="other", topic=f"{path.name}-other")}
    with pytest.raises(NotReadyError, match=f"'{path.name}-other' does not exist: create it"):
        path.evaluator().turn()


def test_a_topic_with_another_number_of_partitions_is_refused(path: Path) -> None:
    path.checkpoint().notes.keep_counts({path.topics["metrics"].topic: 7})
    with pytest.raises(WrongError, match="dutyd state repartition"):
        path.evaluator().turn()


def scheduled(text: str = "* * * * *") -> Rule:
    return Rule(id="report", topic="", when=parse("true"), schedule=read_schedule(text, "UTC", 600.0))


def knows_schedules(path: Path) -> bool:
    """Whether the checkpoint says up to when the schedule was judged."""
    return any(path.client.hlen(key) for key in path.client.scan_iter(f"{path.name}:task:*:latches"))


def test_each_due_time_opens_one_incident_whoever_dies(path: Path) -> None:
    """Two evaluators; the one that runs the schedules dies right before, or right after, what it decided is stored."""
    path.rules = rule_set(scheduled())
    path.ahead = 15 - path.now() % 60  # no minute begins by itself
    began = path.now()
    first, second = path.evaluator(MortalCheckpoint(path.client, path.name)), path.evaluator()
    turn_until(lambda: knows_schedules(path), first, second)
    alive = [first, second]
    for moment in ("before write", "after write", ""):
        path.ahead += 60.0
        runs = next((each for each in alive if any(task.scheduling for task in each._member.tasks.values())), alive[0])
        if isinstance(runs._checkpoint, MortalCheckpoint) and moment:
            runs._checkpoint.dies = moment
            with pytest.raises(DeathError):
                turn_until(lambda: False, runs, *(each for each in alive if each is not runs))
            alive.remove(runs)
            abandon(runs)
            alive.append(path.evaluator(MortalCheckpoint(path.client, path.name)))
        turn_until(lambda: path.now() // 60 * 60 in [each.opened for each in path.triggers()], *alive)
    for each in alive:
        abandon(each)

    found = [trigger.opened for trigger in path.triggers()]
    assert found == sorted(set(found))
    assert set(found) == {60.0 * minute for minute in range(int(began // 60) + 1, int(path.now() // 60) + 1)}
    assert {trigger.position for trigger in path.triggers()} == {None}


def test_a_schedule_goes_on_where_redis_lost_its_checkpoint(path: Path) -> None:
    path.rules = rule_set(scheduled())
    path.ahead = 15 - path.now() % 60
    turn_until(lambda: knows_schedules(path), first := path.evaluator())
    path.ahead += 60.0
    turn_until(lambda: len(path.triggers()) == 1, first)
    abandon(first)
    path.forget_checkpoints()
    path.ahead += 60.0
    turn_until(lambda: len(path.triggers()) == 2, second := path.evaluator())
    abandon(second)
    one, two = path.triggers()
    assert two.opened == one.opened + 60.0
