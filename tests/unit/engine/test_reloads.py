import pytest

from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Phase, plan, sweep
from dutyd.evaluate.engine.latches.stored import unpack
from dutyd.evaluate.engine.windows.samples import Begun
from support.engine.run import TOPIC, Task, event, rule, short


def reload(task: Task, *rules: Rule, now: float = 0.0) -> list[tuple[str, str, str, str]]:
    """Give *task* other rules; return rule, entity, kind and reason of what changes."""
    new = plan(rules)
    changes = sweep(new, task.state, now)
    task.plan = new
    return [(change.rule, "/".join(change.entity), change.kind.value, change.because) for change in changes]


def test_a_firing_latch_survives_an_edit_and_the_next_event_judges_it() -> None:
    task = Task(rule("x > 3"))
    task.judge(event(1.0, x=4))
    assert reload(task, rule("x > 10")) == []
    assert task.tick(1_000.0) == []
    assert task.told(event(2.0, x=5)) == [("r", "a", "cleared", 2.0)]


def test_what_an_edit_would_make_true_opens_at_the_next_event() -> None:
    task = Task(rule("x > 10"))
    task.judge(event(1.0, x=4))
    assert reload(task, rule("x > 3")) == []
    assert task.told(event(2.0, x=4)) == [("r", "a", "opened", 2.0)]


def test_what_is_pending_begins_anew_when_its_rule_is_edited() -> None:
    task = Task(rule("x > 3", hold=60.0), rule("x > 3", hold=60.0, id="other"))
    task.judge(event(10.0, x=4))
    assert reload(task, rule("x > 2", hold=60.0), rule("x > 3", hold=60.0, id="other")) == []
    assert short(task.tick(70.0)) == [("other", "a", "opened", 70.0)]
    again = event(80.0, x=4)
    task.judge(again)
    (change,) = task.tick(200.0)
    assert (change.rule, change.opened, change.occurrence) == ("r", 140.0, again.identity)


def stopped_and_started(task: Task, *rules: Rule) -> Task:
    """Return a new task by other rules that goes on from what *task* had stored."""
    after = Task(*rules)
    after.load({key: unpack(latch) for key, latch in task.state.take_changed().items() if latch is not None})
    return after


def test_what_is_pending_begins_anew_when_its_rule_is_edited_while_nothing_runs() -> None:
    task = Task(rule("x > 3", hold=60.0), rule("x > 3", hold=60.0, id="other"))
    task.judge(event(10.0, x=4))
    after = stopped_and_started(task, rule("x > 100", hold=60.0), rule("x > 3", hold=60.0, id="other"))
    assert short(after.tick(1_000.0)) == [("other", "a", "opened", 70.0)]
    assert ("r", ("a",)) not in after.state.all_latches()


def test_what_keeps_firing_does_so_anew_when_its_rule_is_edited_while_nothing_runs() -> None:
    task = Task(rule("x > 3", keep=60.0))
    task.judge(event(10.0, x=4), event(20.0, x=1))
    assert stopped_and_started(task, rule("x > 3", keep=30.0)).tick(1_000.0) == []


def test_a_window_of_a_topic_of_which_no_rule_saw_anything_begins_with_the_edit_that_brings_it() -> None:
    task = Task(rule("x > 3", where="k == 'nobody'"))
    task.judge(event(1_000.0, x=1))
    task.state.read = {TOPIC: Begun(1_000.0, 1)}
    assert reload(task, rule("count(5m) < 3")) == []
    assert task.judge(event(1_010.0, x=1)) == []
    assert len(task.judge(event(1_301.0, x=1))) == 1


def test_a_change_of_steps_alone_leaves_what_is_pending() -> None:
    task = Task(rule("x > 3", hold=60.0))
    task.judge(event(10.0, x=4))
    assert reload(task, rule("x > 3", hold=60.0, raw={"summary": "new"})) == []
    assert short(task.tick(70.0)) == [("r", "a", "opened", 70.0)]


def test_a_window_stays_when_something_else_changes() -> None:
    task = Task(rule("count(5m) >= 3"))
    task.judge(event(1.0), event(2.0))
    reload(task, rule("count(5m) >= 4"), rule("count(5m) >= 9", id="new"))
    assert task.told(event(3.0), event(4.0)) == [("r", "a", "opened", 4.0)]


@pytest.mark.parametrize("changed", ["count(6m) >= 3", "count(5m, x > 0) >= 3", "sum(x, 5m) >= 3"])
def test_a_window_that_changes_starts_again_and_is_unknown_until_it_is_full(changed: str) -> None:
    task = Task(rule("count(5m) >= 3"))
    task.judge(event(1.0, x=1), event(2.0, x=1))
    reload(task, rule(changed), rule("count(6m) < 9", id="few"))
    assert task.judge(event(3.0, x=1), event(4.0, x=1)) == []
    assert len(task.judge(event(700.0, x=1))) == 1


def test_values_before_are_known_after_an_edit() -> None:
    task = Task(rule("prev(x) > x"))
    task.judge(event(1.0, x=5))
    reload(task, rule("prev(x) > x + 1"))
    assert task.told(event(2.0, x=1)) == [("r", "a", "opened", 2.0)]


def test_repeats_and_lates_are_known_after_an_edit() -> None:
    task = Task(rule("x > 3"))
    told = event(5.0, x=4)
    task.judge(told)
    reload(task, rule("x > 2"))
    assert task.judge(told, event(4.0, x=0)) == []
    counts = task.state.take_counts()
    assert (counts.duplicates, counts.late) == (1, 1)


def test_a_rule_that_is_gone_clears_after_five_minutes() -> None:
    task = Task(rule("x > 3"), rule("x > 3", id="other"))
    task.judge(event(1.0, x=4))
    other = rule("x > 3", id="other")
    assert reload(task, other, now=1_000.0) == []
    assert sweep(task.plan, task.state, 1_299.0) == []
    (change,) = sweep(task.plan, task.state, 1_300.0)
    assert (change.rule, change.kind, change.because) == ("r", "cleared", "rule removed")
    assert (change.per, change.entity, change.topic) == (("k",), ("a",), "metrics")
    assert sweep(task.plan, task.state, 2_000.0) == []
    assert ("r", ("a",)) not in task.state.all_latches()
    assert task.state.take_changed()["r", ("a",)] is None


def test_a_rule_that_comes_back_in_time_goes_on() -> None:
    task = Task(rule("x > 3"))
    task.judge(event(1.0, x=4))
    assert reload(task, now=1_000.0) == []
    assert reload(task, rule("x > 3"), now=1_200.0) == []
    assert reload(task, now=1_250.0) == []
    assert sweep(task.plan, task.state, 1_500.0) == []
    assert reload(task, rule("x > 3"), now=1_510.0) == []
    assert task.told(event(2.0, x=1)) == [("r", "a", "cleared", 2.0)]


def test_what_is_pending_of_a_rule_that_is_gone_tells_nothing() -> None:
    task = Task(rule("x > 3", hold=60.0))
    task.judge(event(1.0, x=4))
    assert reload(task, now=0.0) == []
    assert task.tick(1_000.0) == []
    assert sweep(task.plan, task.state, 300.0) == []
    assert task.state.all_latches() == {}


def test_another_per_closes_what_is_open_with_that_reason() -> None:
    task = Task(rule("x > 3"))
    task.judge(event(1.0, x=4, s="u"))
    assert reload(task, rule("x > 3", per=("k", "s"))) == [("r", "a", "cleared", "rule changed")]
    assert task.told(event(2.0, x=4, s="u")) == [("r", "a/u", "opened", 2.0)]


def test_another_topic_closes_what_is_open_with_that_reason() -> None:
    task = Task(rule("x > 3"))
    task.judge(event(1.0, x=4))
    assert reload(task, rule("x > 3", topic="orders")) == [("r", "a", "cleared", "rule changed")]


def test_what_changed_while_nothing_ran_is_closed_after_the_start() -> None:
    task = Task(rule("x > 3"), rule("x > 3", id="gone"))
    task.judge(event(1.0, x=4))
    latches = task.state.all_latches()
    after = Task(rule("x > 3", per=("s",)))
    after.load(latches)
    assert after.judge(event(2.0, s="u")) == []
    assert [(change.rule, change.because) for change in sweep(after.plan, after.state, 50.0)] == [("r", "rule changed")]
    assert [change.because for change in sweep(after.plan, after.state, 350.0)] == ["rule removed"]


def test_every_latch_is_kept_until_it_is_closed() -> None:
    task = Task(rule("x > 3"))
    task.judge(event(1.0, x=4))
    reload(task, rule("y > 3", id="new"))
    assert task.state.all_latches()["r", ("a",)].phase is Phase.FIRING
