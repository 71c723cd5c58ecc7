import msgspec

from dutyd.core.incident import Evidence
from dutyd.evaluate.engine import Latch, Phase
from dutyd.evaluate.engine.latches.stored import unpack
from support.engine.run import TOPIC, Task, event, rule, short


def carried(task: Task) -> Task:
    """Return a new task with the same rules that loaded what *task* had stored, through JSON."""
    latches = {key: unpack(latch) for key, latch in task.state.take_changed().items() if latch is not None}
    after = Task(*(conditions.rule for conditions in task.plan.rules.values()))
    after.load({key: msgspec.json.decode(msgspec.json.encode(latch), type=Latch) for key, latch in latches.items()})
    return after


def test_a_firing_latch_is_cleared_after_a_restart_with_the_evidence_of_its_opening() -> None:
    task = Task(rule("x > 3"))
    (opened,) = task.judge(event(1.0, x=4))
    (change,) = carried(task).judge(event(2.0, x=1))
    assert (change.kind, change.occurrence, change.opened) == ("cleared", opened.occurrence, 1.0)
    assert change.opening == opened.evidence


def test_a_pending_latch_goes_on_waiting() -> None:
    task = Task(rule("x > 3", hold=60.0))
    cause = event(10.0, x=4)
    task.judge(cause)
    (change,) = carried(task).tick(80.0)
    assert (change.opened, change.occurrence, change.evidence.fields["x"]) == (70.0, cause.identity, 4)


def test_the_newest_event_is_evidence_where_it_was_replayed() -> None:
    task = Task(rule("x > 3", hold=60.0))
    newest = event(20.0, x=5)
    task.judge(event(10.0, x=4), newest)
    after = carried(task)
    after.replay(newest)
    assert after.tick(80.0)[0].evidence.fields["x"] == 5


def test_the_value_before_is_known_after_a_restart() -> None:
    task = Task(rule("prev(x) != x"))
    task.judge(event(1.0, x=1), event(2.0, x=1))
    assert short(carried(task).judge(event(3.0, x=2))) == [("r", "a", "opened", 3.0)]


def test_replayed_events_fill_windows_and_move_no_latch() -> None:
    task = Task(rule("count(5m) >= 3"))
    task.replay(event(1.0), event(2.0), event(3.0))
    assert task.state.all_latches() == {}
    assert len(task.judge(event(4.0))) == 1


def test_an_event_older_than_what_was_replayed_is_late() -> None:
    task = Task(rule("x > 3"))
    task.replay(event(10.0))
    assert task.judge(event(5.0, x=4)) == []
    assert task.state.take_counts().late == 1


def from_trigger(phase: Phase, offset: int) -> Latch:
    evidence = Evidence("e", "test", 1.0, {"x": 4})
    firing = Latch(phase=phase, since=1.0, occurrence="o", opened=1.0, evidence=evidence, offset=offset)
    return msgspec.structs.replace(firing, topic=TOPIC, per=("k",))


def test_an_entity_whose_latch_came_from_a_trigger_ignores_events_up_to_its_offset() -> None:
    task = Task(rule("x > 3"))
    task.load({("r", ("a",)): from_trigger(Phase.FIRING, 20)})
    told = task.told(*(event(float(at), x=1, offset=at) for at in (18, 19, 20, 21)), event(30.0, "b", offset=19, x=4))
    assert told == [("r", "a", "cleared", 21.0), ("r", "b", "opened", 30.0)]


def test_a_trigger_that_cleared_keeps_events_up_to_its_offset_from_opening_again() -> None:
    task = Task(rule("x > 3"))
    task.load({("r", ("a",)): from_trigger(Phase.INACTIVE, 20)})
    assert task.told(*(event(float(at), x=4, offset=at) for at in (19, 20))) == []
    assert task.told(event(21.0, x=4, offset=21)) == [("r", "a", "opened", 21.0)]


def test_events_of_one_record_are_judged_though_the_first_of_them_decided() -> None:
    task = Task(rule("x > 3"))
    told = task.told(event(1.0, x=4, offset=7), event(2.0, x=1, offset=7))
    assert told == [("r", "a", "opened", 1.0), ("r", "a", "cleared", 2.0)]


def test_windows_hold_events_that_a_trigger_already_decided() -> None:
    task = Task(rule("count(5m) >= 3"))
    task.load({("r", ("a",)): from_trigger(Phase.INACTIVE, 20)})
    assert task.told(*(event(float(at), offset=at) for at in (18, 19, 20))) == []
    assert len(task.judge(event(21.0, offset=21, x=1))) == 1


def test_many_thresholds_judge_anew_what_a_trigger_had_decided() -> None:
    task = Task(*(rule(f"x > {number}", id=f"r{number}") for number in range(20)))
    task.load({(f"r{number}", ("a",)): from_trigger(Phase.INACTIVE, 20) for number in range(20)})
    assert task.judge(event(20.0, x=99, offset=20)) == []
    assert len(task.judge(event(21.0, x=99, offset=21))) == 20
