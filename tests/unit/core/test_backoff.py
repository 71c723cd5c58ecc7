"""Waiting before another try."""

from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.backoff import doubled, pause

CHANCES = st.floats(0.0, 1.0, exclude_max=True)
TIMES = st.integers(0, 10**9)
FIRSTS = st.floats(0.01, 100.0)
LONGEST = 3600.0


def test_each_wait_is_twice_the_one_before_up_to_the_longest() -> None:
    assert [doubled(0.5, times, 3.0) for times in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert [pause(times, 0.5, first=0.5, longest=3.0) for times in range(5)] == [0.25, 0.5, 1.0, 1.5, 1.5]


@given(FIRSTS, TIMES)
def test_however_often_something_failed_the_wait_is_known(first: float, times: int) -> None:
    assert first <= doubled(first, times, LONGEST) <= LONGEST


@given(TIMES, FIRSTS, CHANCES, CHANCES)
def test_a_wait_is_the_share_that_chance_says_of_what_it_may_be(
    times: int, first: float, one: float, other: float
) -> None:
    waits = [pause(times, chance, first=first, longest=LONGEST) for chance in sorted((one, other))]
    assert 0.0 <= waits[0] <= waits[1] <= doubled(first, times, LONGEST)
    assert pause(times, 0.0, first=first, longest=LONGEST) == 0.0  # full jitter: from nothing to all of it
    assert waits[0] <= pause(times + 1, min(one, other), first=first, longest=LONGEST)


@given(TIMES, FIRSTS, CHANCES, st.floats(0.0, 86_400.0))
def test_what_the_other_side_asked_for_is_waited_for_and_little_more(
    times: int, first: float, chance: float, asked: float
) -> None:
    assert asked <= pause(times, chance, first=first, longest=LONGEST, asked=asked) <= asked + first
