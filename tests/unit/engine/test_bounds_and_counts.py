import pytest

from dutyd.core.errors import WrongError
from dutyd.evaluate.engine import Limits, plan
from support.engine.run import Task, event, rule


def test_a_rule_holds_at_most_so_many_entities_and_counts_the_rest() -> None:
    task = Task(rule("x > 3"), limits=Limits(latches=2))
    assert len(task.judge(*(event(1.0, f"e{number}", x=4) for number in range(5)))) == 2
    assert task.state.take_counts().overflow == {"r": 3}


@pytest.mark.parametrize("count", [1, 20])
def test_an_entity_that_found_no_room_opens_when_there_is_some(count: int) -> None:
    task = Task(*(rule(f"x > {number}", id=f"r{number}") for number in range(count)), limits=Limits(latches=1))
    assert len(task.judge(event(1.0, "a", x=99), event(1.0, "b", x=99))) == count
    assert len(task.judge(event(2.0, "a", x=-1))) == count
    assert {change.entity for change in task.judge(event(3.0, "b", x=99))} == {("b",)}


def test_windows_are_kept_for_so_many_entities_and_the_rest_is_counted() -> None:
    task = Task(rule("count(5m) >= 1"), limits=Limits(entities=2))
    assert len(task.judge(*(event(1.0, f"e{number}") for number in range(5)))) == 2
    assert task.state.take_counts().overflow == {"r": 3}


def test_what_can_not_wait_for_its_time_is_not_pending() -> None:
    task = Task(rule("x > 3", hold=60.0), limits=Limits(entities=2))
    task.judge(*(event(1.0, f"e{number}", x=4) for number in range(5)))
    assert task.state.take_counts().overflow == {"r": 3}
    assert len(task.tick(100.0)) == 2


def test_newest_times_are_forgotten_with_the_repeats() -> None:
    task = Task(rule("x > 3"), limits=Limits(duplicates=10))
    task.judge(*(event(5.0, f"e{number}") for number in range(100)))
    (topic,) = task.state.topics.values()
    (view,) = topic.views.values()
    assert len(list(view.quiet.times())) <= 20


def test_a_field_without_a_usable_value_is_counted_by_rule() -> None:
    task = Task(rule("x > 3"), rule("y > 3", id="other"))
    task.judge(event(1.0, x=1), event(2.0, x="1"), event(3.0), event(4.0, x=None), event(5.0, x=True))
    assert task.state.take_counts().unknown == {("r", "x"): 4, ("other", "y"): 5}
    assert task.state.take_counts().unknown == {}


def test_of_two_fields_the_one_that_is_missing_is_counted() -> None:
    task = Task(rule("x > y"))
    task.judge(event(1.0, x=1, y=2), event(2.0, x=1), event(3.0, x=1, y="2"), event(4.0, x=1, y=3))
    counted = task.state.take_counts().unknown
    assert counted["r", "y"] == 2


def test_where_that_is_unknown_is_counted() -> None:
    task = Task(rule("x > 3", where='env == "prod"'), rule("x > 3", id="other", where="y > 1"))
    task.judge(event(1.0, x=1), event(2.0, x=1, env="prod", y=2), event(3.0, x=1, env="test", y=0))
    assert task.state.take_counts().unknown == {("r", "env"): 1, ("other", "y"): 1}


def test_a_division_by_zero_is_counted_under_no_field() -> None:
    task = Task(rule("x / y > 3"), rule("x / y > 3 || s > 3", id="other"), rule("x * x > 3", id="large"))
    task.judge(event(1.0, x=1, y=0, s="a"), event(2.0, x=1e200, y=1, s="a"), event(3.0, x=1, s=1))
    assert task.state.take_counts().unknown == {
        ("r", ""): 1,
        ("r", "y"): 1,
        ("other", ""): 1,
        ("other", "s"): 1,
        ("other", "y"): 1,
        ("large", ""): 1,
    }


def test_a_window_that_is_unknown_is_counted_by_its_text() -> None:
    task = Task(rule("avg(x, 5m) > 3"), rule("avg(x, 5m) > y", id="other"))
    task.judge(event(1.0, x=1, y=1))
    task.tick(1_000.0)
    assert task.state.take_counts().unknown == {("r", "avg(x, 5m)"): 1, ("other", "avg(x, 5m)"): 1}


def test_late_events_are_counted_once_however_many_rules_see_them() -> None:
    task = Task(rule("x > 3"), rule("x > 3", id="b", where="x > 0"), rule("x > 3", id="c", per=()))
    task.judge(event(5.0, x=1), event(4.0, x=1))
    assert task.state.take_counts().late == 1


def test_conditions_that_grow_without_end_are_refused() -> None:
    let = {"l0": "x + x"} | {f"l{number}": f"l{number - 1} + l{number - 1}" for number in range(1, 30)}
    with pytest.raises(WrongError, match=r"rule r: .* more than 10000 parts"):
        plan([rule("l29 > 3", let=let)])


def test_where_can_not_read_a_window() -> None:
    with pytest.raises(WrongError, match="rule r: where can't read a window"):
        plan([rule("x > 3", where="count(5m) > 3")])
