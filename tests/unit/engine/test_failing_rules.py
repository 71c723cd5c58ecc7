from enum import StrEnum
from typing import Any

from dutyd.evaluate.engine.latches.runner import FAILURES
from support.engine.run import Task, event, rule, short


class Odd(StrEnum):
    """A value that no decoder makes: comparing it raises, writing it does not."""

    U = "u"

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("odd value")

    def __ne__(self, other: object) -> bool:
        raise RuntimeError("odd value")


def odd(time: float, **fields: Any) -> Any:
    return event(time, s=Odd.U, **fields)


def test_one_rule_that_raises_stops_no_other() -> None:
    task = Task(rule('s == "u" || y > 3', id="bad"), rule("x > 3 && y > 3", id="good"), rule("x > 3", id="plain"))
    told = short(task.judge(odd(1.0, x=4, y=4)))
    assert sorted(told) == [("good", "a", "opened", 1.0), ("plain", "a", "opened", 1.0)]
    assert task.state.take_counts().failed == {"bad": 1}


def test_rules_of_one_table_are_asked_one_by_one_when_one_raises() -> None:
    task = Task(rule('s != "v"', id="bad"), rule('s != "w"', id="bad too"), rule("has(s)", id="good"))
    assert short(task.judge(odd(1.0))) == [("good", "a", "opened", 1.0)]
    assert task.state.take_counts().failed == {"bad": 1, "bad too": 1}


def test_a_rule_that_keeps_failing_is_switched_off_and_says_so() -> None:
    task = Task(rule('s != "v"'))
    task.judge(*(odd(float(time)) for time in range(FAILURES - 1)))
    assert task.state.take_switched_off() == []
    task.judge(odd(100.0))
    (off,) = task.state.take_switched_off()
    assert off.rule == "r"
    assert "RuntimeError: odd value" in off.error
    assert task.judge(event(101.0, s="x")) == []
    assert task.state.take_switched_off() == []


def test_a_rule_that_recovers_stays_on() -> None:
    task = Task(rule('s != "v"'))
    for time in range(5 * FAILURES):
        task.judge(odd(float(time)) if time % 2 else event(float(time), s="v"))
    assert task.state.take_switched_off() == []
    assert len(task.judge(event(1_000.0, s="x"))) == 1


def test_a_where_that_raises_hides_the_event() -> None:
    task = Task(rule("x > 3", id="bad", where='s != "v"'), rule("x > 3", id="good"))
    assert short(task.judge(odd(1.0, x=4))) == [("good", "a", "opened", 1.0)]
    assert task.state.take_counts().failed == {"bad": 1}


def test_a_filter_that_raises_takes_no_sample() -> None:
    task = Task(rule('count(5m, s != "v") >= 1', id="bad"), rule("count(5m) >= 1", id="good"))
    assert short(task.judge(odd(1.0))) == [("good", "a", "opened", 1.0)]
    assert task.state.take_counts().failed == {"bad": 1}
