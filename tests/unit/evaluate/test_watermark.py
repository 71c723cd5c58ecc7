from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.event import Event
from dutyd.evaluate.watermark import NOTHING, Watermark, lowest


def event(time: float, arrival: float) -> Event:
    return Event(f"{time}", "test", time, arrival, 0, {})


def test_it_follows_the_newest_event_less_the_lateness() -> None:
    watermark = Watermark(10)
    watermark.saw([event(100, 105), event(120, 125), event(90, 130)])
    assert watermark.move(1_000, read_to_end=False) == 110


def test_time_goes_on_in_a_partition_that_is_read_to_its_end() -> None:
    watermark = Watermark(10)
    watermark.saw([event(100, 105)])
    assert watermark.move(165, read_to_end=True) == 150


def test_an_event_from_the_future_of_our_clock_does_not_push_it_back() -> None:
    watermark = Watermark(10)
    watermark.saw([event(100, 105)])
    assert watermark.move(50, read_to_end=True) == 90


def test_a_partition_that_holds_nothing_waits_for_nothing() -> None:
    watermark = Watermark(10)
    assert watermark.move(1_000, read_to_end=False) == NOTHING
    assert watermark.move(1_000, read_to_end=True) == 990


def test_a_task_waits_for_its_slowest_partition() -> None:
    assert lowest([5.0, 3.0, 4.0]) == 3.0
    assert lowest([5.0, NOTHING]) == NOTHING
    assert lowest([]) == NOTHING


seconds = st.floats(0, 1e9)


@given(st.lists(st.tuples(seconds, seconds, seconds, st.booleans())))
def test_it_never_goes_back(steps: list[tuple[float, float, float, bool]]) -> None:
    watermark, before = Watermark(10), NOTHING
    for time, delay, now, read_to_end in steps:
        watermark.saw([event(time, time + delay)])
        assert watermark.move(now, read_to_end=read_to_end) >= before
        before = watermark.at
