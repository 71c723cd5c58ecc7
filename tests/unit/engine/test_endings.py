from collections.abc import Sequence

from dutyd.core.incident import Ending, incident_id
from dutyd.evaluate.engine import Change, end
from support.engine.run import Task, event, rule, short


def ordered(task: Task, change: Change) -> Sequence[Change]:
    """Close what *change* opened, as a person does."""
    incident = incident_id(change.rule, change.entity, change.occurrence)
    return end(task.plan, task.state, [Ending(incident, change.rule, change.entity, "closed by ana: mended")])


def test_an_incident_that_a_person_closes_clears_with_the_reason() -> None:
    task = Task(rule("x > 3"))
    (opened,) = task.judge(event(1.0, x=4))
    last = event(5.0, x=5)
    task.judge(last)
    (cleared,) = ordered(task, opened)
    assert (cleared.kind.value, cleared.because, cleared.decided) == ("cleared", "closed by ana: mended", 5.0)
    assert (cleared.occurrence, cleared.offset, cleared.opening) == (opened.occurrence, last.offset, opened.evidence)
    assert task.state.take_changed() == {("r", ("a",)): None}


def test_the_same_order_again_does_nothing() -> None:
    task = Task(rule("x > 3"))
    (opened,) = task.judge(event(1.0, x=4))
    ordered(task, opened)
    assert ordered(task, opened) == []


def test_what_is_still_true_opens_another_incident_which_the_old_order_leaves_alone() -> None:
    task = Task(rule("x > 3"))
    (opened,) = task.judge(event(1.0, x=4))
    ordered(task, opened)
    (again,) = task.judge(event(2.0, x=4))
    assert again.occurrence != opened.occurrence
    assert ordered(task, opened) == []
    assert short(task.judge(event(3.0, x=1))) == [("r", "a", "cleared", 3.0)]


def test_an_order_for_another_entity_or_rule_does_nothing() -> None:
    task = Task(rule("x > 3"))
    task.judge(event(1.0, x=4))
    orders = [Ending("i", "r", ("b",), ""), Ending("i", "gone", ("a",), ""), Ending("i", "r", ("a",), "")]
    assert end(task.plan, task.state, orders) == []
