"""What time alone does to an open incident: rounds, endings, silence; and what an edit of these terms does not do."""

from typing import Any

import pytest

from dutyd.core.opening import Again, Opens, Silent, Then
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import State, horizon, judge, plan, sweep, tick
from support.engine.run import TOPIC, Task, event, rule, short


def test_an_incident_that_stays_open_goes_into_further_rounds_on_the_newest_evidence() -> None:
    task = Task(rule("x > 1", again=Again(10.0, at_most=2)))
    opened, *_ = task.judge(event(100, x=2))
    assert task.told(event(105, x=7)) == []
    two, three = task.judge(event(131, x=8))
    assert [(each.kind, each.round, each.decided) for each in (two, three)] == [
        ("changed", 2, 110),
        ("changed", 3, 120),
    ]
    assert two.occurrence == opened.occurrence
    assert (two.evidence.fields["x"], two.opening) == (7, opened.evidence)
    assert task.tick(500) == []


def test_rounds_go_on_for_an_entity_that_is_quiet() -> None:
    task = Task(rule("x > 1", again=Again(10.0)))
    task.judge(event(100, x=2))
    assert short(task.tick(125)) == [("r", "a", "changed", 110), ("r", "a", "changed", 120)]
    assert task.told(event(126, x=0)) == [("r", "a", "cleared", 126)]
    assert task.tick(1000) == []


def test_what_clears_must_last_for_keep_firing_for() -> None:
    task = Task(rule("x > 10", clear="x <= 5", keep=10.0))
    task.judge(event(100, x=11))
    assert task.told(event(101, x=5), event(105, x=6), event(108, x=4)) == []
    assert task.told(event(118, x=4)) == []  # at equal times the event goes first
    assert short(task.tick(118)) == [("r", "a", "cleared", 118)]


def test_an_entity_that_falls_silent_ends_its_incident_where_the_rule_says_so() -> None:
    ends, stays = Silent(15.0, Then.END), Silent(15.0, Then.KEEP)
    task = Task(rule("x > 1", id="ends", silent=ends), rule("x > 1", id="stays", silent=stays))
    task.judge(event(100, x=2), event(110, y=1))
    assert short(task.tick(124.9)) == []
    (change,) = task.tick(200)
    assert (change.rule, change.decided, change.because) == ("ends", 125, "silent")


def test_an_incident_expires_and_the_next_event_may_open_another() -> None:
    task = Task(rule("x > 1", expire=20.0))
    (first,) = task.judge(event(100, x=2))
    expired, again = task.judge(event(130, x=2))
    assert (expired.decided, expired.because, expired.occurrence) == (120, "expired", first.occurrence)
    assert again.occurrence != first.occurrence


@pytest.mark.parametrize("many", [1, 20])
def test_what_time_ended_opens_again_by_the_same_value(many: int) -> None:
    """Also where the entity's place among many thresholds did not change."""
    task = Task(*[rule(f"x > {bound}", id=f"r{bound}", expire=20.0) for bound in range(many)])
    assert len(task.judge(event(100, x=50))) == many
    assert len(task.judge(event(130, x=50))) == 2 * many


def test_at_equal_times_an_ending_goes_before_a_round() -> None:
    task = Task(rule("x > 1", again=Again(10.0), expire=20.0))
    task.judge(event(100, x=2))
    assert short(task.tick(120)) == [("r", "a", "changed", 110), ("r", "a", "cleared", 120)]


def test_terms_survive_a_restart() -> None:
    made = plan([rule("x > 1", again=Again(10.0), silent=Silent(35.0, Then.END))])
    first, second = State(), State()
    past = [event(100, x=2), event(112, x=3)]
    judge(made, first, TOPIC, past)
    second.load(first.all_latches())
    assert [(each.round, each.decided) for each in tick(made, second, 131)] == [(3, 120), (4, 130)]
    assert horizon(made) == 35.0


TERMS: list[dict[str, Any]] = [
    {"again": Again(10.0)},
    {"expire": 10.0},
    {"silent": Silent(10.0, Then.END)},
    {"again": Again(10.0), "expire": 15.0},
]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("more", TERMS)
def test_edited_terms_begin_when_they_are_edited(more: dict[str, Any], restarts: bool) -> None:
    old, new = plan([rule("x > 1", again=Again(1000.0))]), plan([rule("x > 1", **more)])
    state = State()
    judge(old, state, TOPIC, [event(100, x=2)])
    if restarts:
        latches, state = state.all_latches(), State()
        state.load(latches)
    else:
        assert sweep(new, state, 0.0) == []
    assert tick(new, state, 900) == []
    assert tick(new, state, 909) == []
    (change, *_) = tick(new, state, 910)
    assert change.decided == 910


def test_each_event_opens_an_incident_of_its_own_late_ones_too() -> None:
    task = Task(rule('kind == "deploy"', id="deploys", opens=Opens.EACH_EVENT))
    changes = task.judge(event(100, kind="deploy"), event(101, kind="other"), event(90, kind="deploy"), event(101))
    assert short(changes) == [("deploys", "a", "opened", 100), ("deploys", "a", "opened", 90)]
    assert all(change.momentary for change in changes)
    assert task.state.all_latches() == {}
    assert task.state.take_counts().unknown == {("deploys", "kind"): 1}


def test_each_event_asks_the_rules_that_its_texts_and_numbers_can_open() -> None:
    task = Task(
        rule('kind == "deploy" && size > 3', id="deploys", opens=Opens.EACH_EVENT),
        rule("size > 5", id="large", opens=Opens.EACH_EVENT),
        rule("size > 1 || urgent", id="either", opens=Opens.EACH_EVENT),
    )
    told = task.judge(
        event(100, kind="deploy", size=4), event(101, kind="test", size=6), event(102, kind=12), event(103, size="6")
    )
    assert sorted(short(told)) == [
        ("deploys", "a", "opened", 100),
        ("either", "a", "opened", 100),
        ("either", "a", "opened", 101),
        ("large", "a", "opened", 101),
    ]
    unknown = task.state.take_counts().unknown
    assert unknown["large", "size"] == 2
    assert unknown["deploys", "kind"] == 1
    assert task.state.take_counts().unknown == {}


def test_a_rule_that_now_opens_each_event_closes_what_it_had_open() -> None:
    changed: Rule = rule("x > 1", opens=Opens.EACH_EVENT)
    old, new, state = plan([rule("x > 1")]), plan([changed]), State()
    judge(old, state, TOPIC, [event(100, x=2)])
    (closed,) = sweep(new, state, 0.0)
    assert (closed.kind, closed.because) == ("cleared", "rule changed")
