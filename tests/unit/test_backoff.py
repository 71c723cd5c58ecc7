"""Waiting before another try."""

from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.backoff import doubled


def test_each_wait_is_twice_the_one_before_up_to_the_longest() -> None:
    assert [doubled(0.5, times, 3.0) for times in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@given(st.floats(0.01, 100.0), st.integers(0, 10**9))
def test_however_often_something_failed_the_wait_is_known(first: float, times: int) -> None:
    assert first <= doubled(first, times, 3600.0) <= 3600.0
