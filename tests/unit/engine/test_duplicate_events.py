import msgspec

from dutyd.core.event import Event
from dutyd.evaluate.engine.views.duplicates import ALLOWANCE, Duplicates
from support.engine.run import Task, event, rule


def one(arrival: float, *, id: str = "1", source: str = "s", time: float = 5.0) -> Event:  # noqa: A002  # its name
    return Event(id, source, time, arrival, 0, {})


def saw(duplicates: Duplicates, event: Event) -> bool:
    return not list(duplicates.fresh([event]))


def test_an_event_told_again_within_the_span_is_known() -> None:
    found = Duplicates(10.0, 100)
    assert not saw(found, one(1_000.0))
    assert saw(found, one(1_000.0 + ALLOWANCE + 10.0))


def test_an_event_told_again_later_is_new() -> None:
    found = Duplicates(10.0, 100)
    saw(found, one(1_000.0))
    assert not saw(found, one(1_000.1 + ALLOWANCE + 10.0))


def test_whether_it_is_known_does_not_depend_on_when_generations_changed() -> None:
    for first in range(0, 300, 60):
        found = Duplicates(10.0, 100)
        saw(found, one(700.0 + first, id="other"))
        saw(found, one(1_000.0))
        assert saw(found, one(1_310.0))
        assert not saw(found, one(1_310.1, id="another"))
        assert not saw(Duplicates(10.0, 100), one(1_310.0))


def test_source_id_and_time_make_the_identity() -> None:
    found = Duplicates(10.0, 100)
    saw(found, one(1.0))
    assert not saw(found, one(1.0, id="2"))
    assert not saw(found, one(1.0, source="t"))
    assert not saw(found, one(1.0, time=6.0))
    assert saw(found, one(1.0))


def test_at_least_as_many_as_the_limit_are_known_and_at_most_twice() -> None:
    found = Duplicates(10.0, 50)
    for number in range(1_000):
        saw(found, one(1.0, id=str(number)))
    assert len(found._young) + len(found._old) <= 100
    assert all(saw(found, one(1.0, id=str(number))) for number in range(950, 1_000))


def test_a_repeat_is_dropped_and_counted() -> None:
    task = Task(rule("count(5m) >= 2"))
    told = event(1.0)
    again = msgspec.structs.replace(told, offset=told.offset + 100)
    assert task.judge(told, again) == []
    counts = task.state.take_counts()
    assert (counts.events, counts.duplicates) == (2, 1)
    assert len(task.judge(event(2.0))) == 1


def test_what_was_replayed_is_known() -> None:
    task = Task(rule("x > 3"))
    told = event(1.0, x=4)
    task.replay(told)
    assert task.judge(told) == []


def test_events_of_dutyd_are_dropped_and_counted() -> None:
    task = Task(rule("x > 3"))
    assert task.judge(event(1.0, source="dutyd", x=4)) == []
    assert task.state.take_counts().own == 1
