import pytest

from dutyd.core.incident import TriggerKind
from support.engine.run import Task, event, rule


def test_an_incident_opens_at_the_event_that_makes_when_true() -> None:
    task = Task(rule("x > 3"))
    cause = event(7.0, x=4)
    (change,) = task.judge(event(1.0, x=3), cause, event(8.0, x=9))
    assert (change.rule, change.entity, change.kind) == ("r", ("a",), TriggerKind.OPENED)
    assert (change.opened, change.decided, change.occurrence) == (7.0, 7.0, cause.identity)
    assert (change.offset, change.opening, change.because) == (cause.offset, None, "")


def test_it_clears_at_the_event_that_makes_when_false() -> None:
    task = Task(rule("x > 3"))
    cause, end = event(1.0, x=4), event(2.0, x=3)
    _, change = task.judge(cause, end)
    assert (change.kind, change.because, change.decided) == (TriggerKind.CLEARED, "clear", 2.0)
    assert (change.occurrence, change.opened, change.offset) == (cause.identity, 1.0, end.offset)
    assert change.evidence.fields == {"k": "a", "x": 3}
    assert change.opening is not None
    assert change.opening.fields == {"k": "a", "x": 4}


def test_each_entity_has_a_latch_of_its_own() -> None:
    task = Task(rule("x > 3"))
    told = task.told(event(1.0, "a", x=4), event(1.0, "b", x=4), event(2.0, "a", x=1))
    assert told == [("r", "a", "opened", 1.0), ("r", "b", "opened", 1.0), ("r", "a", "cleared", 2.0)]


def test_unknown_neither_opens_nor_clears() -> None:
    task = Task(rule("x > 3"))
    events = [event(1.0, x="9"), event(2.0, x=4), event(3.0), event(4.0, x=None), event(5.0, x=True)]
    assert task.told(*events) == [("r", "a", "opened", 2.0)]


def test_what_where_does_not_let_through_neither_opens_nor_clears() -> None:
    task = Task(rule("x > 3", where='env == "prod"'))
    events = [event(1.0, x=4), event(2.0, x=4, env="test"), event(3.0, x=4, env="prod"), event(4.0, x=1, env="test")]
    assert task.told(*events) == [("r", "a", "opened", 3.0)]


def test_what_where_hides_makes_no_other_event_late() -> None:
    task = Task(rule("x > 3", where='env == "prod"'))
    assert task.told(event(9.0, x=1, env="test"), event(5.0, x=4, env="prod")) == [("r", "a", "opened", 5.0)]


def test_between_when_and_clear_nothing_moves() -> None:
    task = Task(rule("x > 10", clear="x <= 5"))
    told = task.told(*(event(float(time), x=value) for time, value in enumerate([7, 11, 7, 12, 5, 7])))
    assert told == [("r", "a", "opened", 1.0), ("r", "a", "cleared", 4.0)]


def test_clear_wins_over_when() -> None:
    task = Task(rule("x > 3", clear="y < 1"))
    events = [event(1.0, x=4, y=0), event(2.0, x=4, y=2), event(3.0, x=4, y=0), event(4.0, x=4, y=0)]
    assert task.told(*events) == [("r", "a", "opened", 2.0), ("r", "a", "cleared", 3.0)]


def test_a_late_event_moves_no_latch_and_is_counted() -> None:
    task = Task(rule("x > 3"))
    assert task.told(event(5.0, x=1), event(4.0, x=9), event(4.0, "b", x=9)) == [("r", "b", "opened", 4.0)]
    assert task.state.take_counts().late == 1


def test_an_event_as_old_as_the_newest_is_judged() -> None:
    task = Task(rule("x > 3"))
    assert task.told(event(5.0, x=1), event(5.0, x=9)) == [("r", "a", "opened", 5.0)]


def test_let_names_what_when_and_clear_read() -> None:
    task = Task(rule("position < 5", let={"position": "x + y", "twice": "position * 2"}, clear="twice > 20"))
    (change,) = task.judge(event(1.0, x=1, y=3))
    assert change.evidence.let == {"position": 4.0, "twice": 8.0}
    assert task.told(event(2.0, x=5, y=5), event(3.0, x=9, y=5)) == [("r", "a", "cleared", 3.0)]


def test_a_rule_without_per_has_one_entity() -> None:
    task = Task(rule("x > 3", per=()))
    (change,) = task.judge(event(1.0, "a", x=4), event(2.0, "b", x=4))
    assert change.entity == ()


class TestFor:
    def test_it_opens_when_true_for_long_enough_though_quiet(self) -> None:
        task = Task(rule("x > 3", hold=60.0))
        cause = event(10.0, x=4)
        assert task.judge(cause) == []
        assert task.tick(69.9) == []
        (change,) = task.tick(70.0)
        assert (change.opened, change.decided, change.occurrence) == (70.0, 70.0, cause.identity)

    def test_it_opens_at_its_due_time_before_a_later_event_is_judged(self) -> None:
        task = Task(rule("x > 3", hold=60.0))
        first, newest, end = event(10.0, x=4), event(40.0, x=5), event(71.0, x=1)
        told = task.judge(first, newest, end)
        assert [(change.kind, change.decided) for change in told] == [("opened", 70.0), ("cleared", 71.0)]
        assert told[0].evidence.fields["x"] == 5
        assert told[0].offset == end.offset - 1

    def test_an_event_at_the_due_time_goes_first(self) -> None:
        task = Task(rule("x > 3", hold=60.0))
        assert task.told(event(10.0, x=4), event(70.0, x=1), event(80.0, x=1)) == []

    def test_a_false_event_up_to_then_begins_it_anew(self) -> None:
        task = Task(rule("x > 3", hold=60.0))
        task.judge(event(10.0, x=4), event(30.0, x=1))
        again = event(40.0, x=4)
        task.judge(again)
        (change,) = task.tick(200.0)
        assert (change.opened, change.occurrence) == (100.0, again.identity)

    def test_an_unknown_event_leaves_it_pending(self) -> None:
        task = Task(rule("x > 3", hold=60.0))
        task.judge(event(10.0, x=4), event(30.0, x="?"), event(31.0))
        assert len(task.tick(70.0)) == 1

    def test_clear_ends_what_is_pending(self) -> None:
        task = Task(rule("x > 3", hold=60.0, clear="y < 1"))
        task.judge(event(10.0, x=4), event(30.0, y=0))
        assert task.tick(200.0) == []

    def test_it_is_not_opened_twice(self) -> None:
        task = Task(rule("x > 3", hold=60.0))
        task.judge(event(10.0, x=4))
        assert len(task.tick(100.0)) == 1
        assert task.told(event(101.0, x=5)) == []
        assert task.tick(500.0) == []

    def test_an_event_that_comes_after_the_timer_fired_may_clear(self) -> None:
        task = Task(rule("x > 3", hold=60.0))
        task.judge(event(10.0, x=4))
        task.tick(100.0)
        (change,) = task.judge(event(50.0, x=1))
        assert (change.kind, change.decided) == (TriggerKind.CLEARED, 70.0)


def test_prev_is_the_value_in_the_event_before() -> None:
    task = Task(rule("prev(x) != x"))
    told = task.judge(event(1.0, x=1), event(2.0, x=1), event(3.0, x=2), event(4.0), event(5.0, x=7))
    assert [(change.kind, change.decided) for change in told] == [("opened", 3.0)]
    assert told[0].evidence.values == {"prev(x)": 1}


def test_evidence_says_what_windows_were() -> None:
    task = Task(rule("count(5m, x > 1) >= 2 && avg(x, 5m) > 1", let={"most": "max(x, 1m)"}))
    *_, change = task.judge(event(1.0, x=2), event(2.0, x=4))
    assert change.evidence.values == {"count(5m, x > 1)": 2.0, "avg(x, 5m)": 3.0, "max(x, 1m)": 4.0}
    assert change.evidence.let == {"most": 4.0}
    assert (change.evidence.id, change.evidence.source, change.evidence.time) == (change.evidence.id, "test", 2.0)


def test_evidence_of_a_plain_threshold_holds_the_windows_with_its_event() -> None:
    task = Task(rule("x > 3", let={"many": "count(5m)", "sum": "sum(y, 5m)"}))
    (change,) = task.judge(event(1.0, x=4, y=2))
    assert change.evidence.let == {"many": 1.0, "sum": 2.0}


@pytest.mark.parametrize("count", [1, 15, 16, 40])
def test_many_rules_on_one_number_each_have_their_own_latch(count: int) -> None:
    rules = [rule(f"x > {number}", id=f"r{number}", clear=f"x < {number - 2}") for number in range(count)]
    task = Task(*rules)
    assert len(task.judge(event(1.0, x=count + 1))) == count
    assert len(task.judge(event(2.0, x=count - 2))) == 0
    assert len(task.judge(event(3.0, x=-9))) == count
    assert len(task.judge(event(4.0, x=0.5))) == 1
