import math

from dutyd.core.expr import parse
from dutyd.evaluate.engine import horizon, plan
from support.engine.run import Task, event, rule, short


def test_a_window_holds_the_events_that_the_rule_sees() -> None:
    task = Task(rule("count(5m) >= 3", where='env == "prod"'))
    for time, env in enumerate(["prod", "test", "prod", "test"]):
        assert task.judge(event(float(time), env=env)) == []
    assert len(task.judge(event(5.0, env="prod"))) == 1


def test_a_window_belongs_to_one_entity() -> None:
    task = Task(rule("sum(x, 5m) > 10"))
    assert task.told(event(1.0, "a", x=6), event(1.0, "b", x=6), event(2.0, "a", x=6)) == [("r", "a", "opened", 2.0)]


def test_a_filter_lets_only_some_samples_in_and_unknown_is_not_in() -> None:
    task = Task(rule('count(5m, status == "failed") >= 2'))
    told = task.told(event(1.0, status="failed"), event(2.0, status="ok"), event(3.0), event(4.0, status="failed"))
    assert told == [("r", "a", "opened", 4.0)]


def test_what_is_no_number_is_no_sample() -> None:
    task = Task(rule("avg(x, 5m) > 3"))
    assert task.told(event(1.0, x="9"), event(2.0, x=True), event(3.0), event(4.0, x=None), event(5.0, x=2)) == []


def test_a_pane_that_leaves_clears_a_quiet_entity_at_its_time() -> None:
    task = Task(rule("count(5m) >= 3"))
    events = [event(1.0), event(20.0), event(40.0)]
    assert short(task.judge(*events)) == [("r", "a", "opened", 40.0)]
    assert task.tick(300.9) == []
    (change,) = task.tick(301.0)
    assert (change.kind, change.decided, change.evidence.id) == ("cleared", 301.0, events[-1].id)


def test_a_pane_that_leaves_may_open_and_says_so_in_the_occurrence() -> None:
    task = Task(rule("sum(x, 5m) < 5"))
    first, last = event(1.0, x=4), event(100.0, x=4)
    assert short(task.judge(first)) == [("r", "a", "opened", 1.0)]
    assert short(task.judge(last)) == [("r", "a", "cleared", 100.0)]
    (change,) = task.tick(1_000.0)
    assert (change.opened, change.occurrence) == (301.0, f"{last.identity}|301.000000")


def test_panes_leave_before_the_next_event_is_judged() -> None:
    task = Task(rule("count(5m) >= 2"))
    told = task.told(event(1.0), event(2.0), event(400.0), event(401.0))
    assert told == [
        ("r", "a", "opened", 2.0),
        ("r", "a", "cleared", 301.0),
        ("r", "a", "opened", 401.0),
    ]


def test_a_late_event_is_in_the_window_that_the_next_event_sees() -> None:
    task = Task(rule("count(5m) >= 3"))
    assert task.judge(event(10.0), event(5.0), event(6.0)) == []
    assert len(task.judge(event(11.0))) == 1


def test_an_average_of_nothing_is_unknown_and_clears_nothing() -> None:
    task = Task(rule("avg(x, 5m) > 3"))
    assert len(task.judge(event(1.0, x=9))) == 1
    assert task.tick(10_000.0) == []


def test_a_window_over_what_was_not_read_is_unknown() -> None:
    task = Task(rule("count(5m) < 4", id="few"), rule("count(5m) >= 1", id="some"))
    task.state.known_since = 1_000.0
    assert task.judge(event(1_001.0), event(1_299.0)) == []
    told = sorted(short(task.judge(event(1_300.0))))
    assert told == [("few", "a", "opened", 1_300.0), ("some", "a", "opened", 1_300.0)]


def test_a_window_becomes_known_without_a_new_sample() -> None:
    task = Task(rule("avg(x, 5m) > 3"))
    task.state.known_since = 1_000.0
    assert task.judge(event(1_100.0, x=9)) == []
    assert len(task.judge(event(1_310.0))) == 1


def test_an_entity_that_was_never_seen_has_an_empty_window() -> None:
    task = Task(rule("count(5m) < 3"))
    assert len(task.judge(event(1.0))) == 1


def test_equal_windows_are_kept_once() -> None:
    made = plan([rule("avg(x, 5m) > 3", id="a"), rule("sum(x, 5m) > 3", id="b"), rule("max(x, 5m) > 3", id="c")])
    (view,) = made.topics["metrics"].views
    assert len(view.aggregates.all) == 2


def test_the_horizon_is_the_longest_window() -> None:
    assert horizon(plan([rule("x > 3")])) == 0.0
    assert horizon(plan([rule("avg(x, 5m) > 3", id="a"), rule("x > 3", let={"m": "max(x, 1h)"}, id="b")])) == 3600.0


def test_a_quiet_entity_leaves_nothing_behind() -> None:
    task = Task(rule("count(5m) >= 3"), rule("x > 3", id="held", hold=60.0))
    task.judge(*(event(1.0, f"e{number}", x=4) for number in range(50)))
    task.tick(10_000.0)
    assert all(not view.tracks for topic in task.state.topics.values() for view in topic.views.values())


def test_two_windows_of_one_rule_are_fed_before_it_is_judged() -> None:
    task = Task(rule("sum(x, 5m) / sum(y, 5m) > 0.5"))
    assert task.judge(event(1.0, x=1, y=4)) == []
    assert len(task.judge(event(2.0, x=4, y=1))) == 1


def test_the_watermark_of_nothing_fires_nothing() -> None:
    task = Task(rule("x > 3", hold=1.0))
    task.judge(event(1.0, x=4))
    assert task.tick(-math.inf) == []


def test_windows_read_by_let_alone_decide_nothing() -> None:
    task = Task(rule("x > 3", let={"many": "count(5m)"}))
    assert parse("count(5m)").names == frozenset()
    assert short(task.judge(event(1.0, x=4))) == [("r", "a", "opened", 1.0)]
    assert task.tick(1_000.0) == []
