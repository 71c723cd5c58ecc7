from typing import Any

import msgspec

from dutyd.core.expr import parse
from dutyd.core.opening import Guard, Item, Sequence, Silent, Then
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Latch, Limits, judge, plan, sweep
from dutyd.evaluate.engine.latches.progress import KEPT_BYTES
from dutyd.evaluate.engine.sequences import MOST_WAITING
from support.engine.run import TOPIC, Task, event, rule, short

DEPLOYS = "deploys"


def sequence(*items: str, within: float = 10.0, unless: str | None = None, first: str = TOPIC, **more: Any) -> Rule:
    """Return a rule whose items are named i0, i1, ...; the first is of topic *first*."""
    made = tuple(Item(f"i{at}", TOPIC if at else first, parse(text)) for at, text in enumerate(items))
    guard = None if unless is None else Guard(first, parse(unless))
    return rule("false", sequence=Sequence(made, within, guard), **more)


def test_one_thing_after_the_other_opens_with_the_identity_of_the_last() -> None:
    task = Task(sequence("x == 1", "x == 2"))
    last = event(11.0, x=2)
    (change,) = task.judge(event(1.0, x=1), last)
    assert (change.kind, change.occurrence, change.opened, change.momentary) == ("opened", last.identity, 11.0, True)
    assert {name: change.evidence.fields[name] for name in ("x", "items.i0.x", "items.i1.x")} == {
        "x": 2,
        "items.i0.x": 1,
        "items.i1.x": 2,
    }


def test_later_than_within_it_opens_nothing() -> None:
    assert Task(sequence("x == 1", "x == 2")).told(event(1.0, x=1), event(11.1, x=2)) == []


def test_the_other_way_round_it_opens_nothing() -> None:
    assert Task(sequence("x == 1", "x == 2")).told(event(1.0, x=2), event(2.0, x=1)) == []


def test_each_entity_has_a_sequence_of_its_own() -> None:
    task = Task(sequence("x == 1", "x == 2"))
    assert task.told(event(1.0, "a", x=1), event(2.0, "b", x=2), event(3.0, "a", x=2)) == [("r", "a", "opened", 3.0)]


def test_a_newer_first_item_takes_the_place_of_an_older_one() -> None:
    task = Task(sequence("x == 1", "x == 2"))
    (change,) = task.judge(event(1.0, x=1, n="old"), event(8.0, x=1, n="new"), event(15.0, x=2))
    assert change.evidence.fields["items.i0.n"] == "new"


def test_what_is_further_on_is_kept_beside_a_newer_first_item() -> None:
    task = Task(sequence("x == 1", "x == 2", "x == 3"))
    told = task.judge(event(1.0, x=1), event(2.0, x=2), event(3.0, x=1), event(4.0, x=3))
    assert [change.evidence.fields["items.i0.x"] for change in told] == [1]


def test_no_event_is_part_of_two() -> None:
    task = Task(sequence("x == 1", "x == 1", "x == 1"))
    told = task.told(*(event(float(at), x=1) for at in range(1, 8)))
    assert [at for *_, at in told] == [3.0, 6.0]


def test_what_comes_in_between_breaks_it() -> None:
    task = Task(sequence("x == 1", "x == 2", unless="x == 9"))
    assert task.told(event(1.0, x=1), event(2.0, x=9), event(3.0, x=2)) == []
    assert task.told(event(4.0, x=1), event(5.0, x=2), event(6.0, x=9)) == [("r", "a", "opened", 5.0)]


def test_an_item_can_be_held_against_those_before_it() -> None:
    task = Task(sequence("x == 1", "x == 2 && v == items.i0.v"))
    assert task.told(event(1.0, x=1, v=7), event(2.0, x=2, v=8), event(3.0, x=2, v=7)) == [("r", "a", "opened", 3.0)]


def test_an_item_without_a_value_that_it_is_held_against_is_counted() -> None:
    task = Task(sequence("x == 1", "x == 2 && v == items.i0.v"))
    assert task.told(event(1.0, x=1), event(2.0, x=2, v=8)) == []
    assert task.state.take_counts().unknown["r", "items.i0.v"] == 1


def test_where_of_the_rule_holds_for_every_item() -> None:
    task = Task(sequence("x == 1", "x == 2", where='env == "prod"'))
    assert task.told(event(1.0, x=1, env="test"), event(2.0, x=2, env="prod")) == []
    assert task.told(event(3.0, x=1, env="prod"), event(4.0, x=2, env="prod")) == [("r", "a", "opened", 4.0)]


def test_a_late_event_is_no_item() -> None:
    task = Task(sequence("x == 1", "x == 2"))
    assert task.told(event(5.0, x=0), event(4.0, x=1), event(6.0, x=2)) == []
    assert task.state.take_counts().late == 1


def test_an_event_that_comes_twice_is_one_item() -> None:
    task = Task(sequence("x == 1", "x == 1"))
    once = event(1.0, x=1)
    assert task.told(once, once) == []


def test_with_clear_it_stays_open_and_remembers_its_items() -> None:
    task = Task(sequence("x == 1", "x == 2", clear="x == 0"))
    assert task.told(event(1.0, x=1), event(2.0, x=2), event(3.0, x=1), event(4.0, x=2)) == [("r", "a", "opened", 2.0)]
    (change,) = task.judge(event(5.0, x=0))
    assert (change.kind, change.because, change.evidence.fields["items.i0.x"]) == ("cleared", "clear", 1)


def test_it_can_end_by_silence() -> None:
    task = Task(sequence("x == 1", "x == 2", silent=Silent(60.0, Then.END)))
    assert task.told(event(1.0, x=1), event(2.0, x=2)) == [("r", "a", "opened", 2.0)]
    assert short(task.tick(62.0)) == [("r", "a", "cleared", 62.0)]


def test_items_of_several_topics_are_judged_in_the_order_of_their_times() -> None:
    task = Task(sequence("x == 1", "x == 2", first=DEPLOYS))
    assert task.told(event(5.0, x=2)) == []
    assert judge(task.plan, task.state, DEPLOYS, [event(4.0, x=1)]) == []
    assert task.tick(4.9) == []
    assert short(task.tick(5.0)) == [("r", "a", "opened", 5.0)]


def test_of_two_topics_at_one_time_that_of_the_earlier_item_goes_first() -> None:
    task = Task(sequence("x == 1", "x == 2", first=DEPLOYS))
    assert task.told(event(5.0, x=2)) == []
    assert judge(task.plan, task.state, DEPLOYS, [event(5.0, x=1)]) == []
    assert short(task.tick(5.0)) == [("r", "a", "opened", 5.0)]


def test_what_waits_is_bounded_and_counted() -> None:
    task = Task(sequence("x == 1", "x == 2", first=DEPLOYS))
    task.judge(*(event(float(at), x=2) for at in range(MOST_WAITING + 5)))
    assert task.state.take_counts().overflow == {"r": 5}


def test_entities_are_bounded_and_counted() -> None:
    task = Task(sequence("x == 1", "x == 2"), limits=Limits(latches=2))
    task.judge(*(event(1.0, k, x=1) for k in "abc"))
    assert task.state.take_counts().overflow == {"r": 1}


def test_what_can_t_be_completed_any_more_is_forgotten() -> None:
    task = Task(sequence("x == 1", "x == 2"))
    task.judge(event(1.0, x=1))
    assert task.state.all_latches().keys() == {("r", ("a",))}
    task.tick(11.0)
    assert task.state.all_latches().keys() == {("r", ("a",))}
    task.tick(11.5)
    assert task.state.all_latches() == {}
    assert task.state.take_changed() == {("r", ("a",)): None}


def test_of_a_large_event_the_largest_values_are_not_kept() -> None:
    task = Task(sequence("x == 1", "x == 2"))
    task.judge(event(1.0, x=1, v="small", body="b" * KEPT_BYTES))
    (latch,) = task.state.all_latches().values()
    assert len(msgspec.json.encode(latch)) < KEPT_BYTES
    (change,) = task.judge(event(2.0, x=2))
    assert change.evidence.fields["items.i0.v"] == "small"
    assert "items.i0.body" not in change.evidence.fields


def test_an_edited_sequence_begins_anew_also_after_a_restart() -> None:
    before, after = sequence("x == 1", "x == 2"), sequence("x == 1", "x >= 2")
    task = Task(before)
    task.judge(event(1.0, x=1))
    stored = {
        key: msgspec.json.decode(msgspec.json.encode(each), type=Latch)
        for key, each in task.state.all_latches().items()
    }
    assert sweep(plan([after]), task.state, 0.0) == []
    for edited in (Task(after), Task(sequence("x == 1", "x == 2", id="other"))):
        edited.load(stored)
        assert edited.told(event(2.0, x=2)) == []
        assert edited.state.take_changed() == {("r", ("a",)): None}
    same = Task(before)
    same.load(stored)
    assert same.told(event(2.0, x=2)) == [("r", "a", "opened", 2.0)]


def test_items_of_one_topic_are_looked_up_where_they_ask_for_a_text() -> None:
    (made,) = plan([sequence('s == "u"', "x == 2", first=DEPLOYS)]).sequences.values()
    assert (made.selectors[DEPLOYS].field, made.selectors[DEPLOYS].text) == ("s", "u")
