"""A system that fails is left alone, tried again by one, and asked by all when it is back; a pace is never passed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.breaker import Breaker
from dutyd.core.pace import AT_ONCE_SECONDS, Pace


def broken(failures: int = 5, now: float = 100.0) -> Breaker:
    breaker = Breaker(lambda: 0.999)
    for _ in range(failures):
        breaker.failed(now)
    return breaker


def test_it_opens_after_five_failures_in_a_row_and_not_before() -> None:
    assert not broken(4).is_open
    assert broken(5).is_open
    breaker = broken(4)
    breaker.succeeded()
    breaker.failed(1.0)
    assert not breaker.is_open


def test_while_it_is_open_nobody_asks_and_then_one_does() -> None:
    breaker = broken(now=100.0)
    assert breaker.wait(101.0) == pytest.approx(3.995)
    assert breaker.wait(105.0) == 0.0  # this one tries
    assert breaker.wait(105.0) > 0.0
    breaker.succeeded()
    assert breaker.wait(105.1) == breaker.wait(105.1) == 0.0


def test_a_system_that_is_down_for_days_is_still_tried_now_and_then() -> None:
    assert 0.0 < broken(5_000, now=0.0).wait(0.0) <= 120.0


def test_a_try_that_fails_opens_it_for_longer() -> None:
    breaker = broken(now=0.0)
    assert breaker.wait(5.0) == 0.0
    breaker.failed(5.0)
    assert 5.0 < breaker.wait(5.0) <= 10.0


def test_what_says_itself_for_how_long_is_left_alone_so_long() -> None:
    breaker = Breaker(lambda: 0.5)
    assert breaker.failed(10.0, at_once=60.0)
    assert breaker.wait(20.0) == 50.0


def test_who_was_to_try_and_did_not_leaves_it_to_another() -> None:
    breaker = broken(now=100.0)
    assert breaker.wait(105.0) == 0.0
    breaker.untried()
    assert breaker.is_open
    assert breaker.wait(105.0) == 0.0
    assert breaker.wait(105.0) > 0.0


@given(st.lists(st.booleans(), max_size=60), st.floats(0, 0.999))
def test_it_is_never_open_for_longer_than_its_longest(answers: list[bool], chance: float) -> None:
    breaker, now = Breaker(lambda: chance), 0.0
    for fine in answers:
        now += breaker.wait(now)
        assert breaker.wait(now) <= breaker.longest
        if fine:
            breaker.succeeded()
        else:
            breaker.failed(now)
        assert breaker.wait(now) <= breaker.longest
        now += 0.1


@given(st.floats(1, 600), st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_no_minute_has_more_than_the_pace_and_what_may_come_at_once(per_minute: float, gaps: list[float]) -> None:
    pace, now, taken = Pace(per_minute), 0.0, []
    for gap in gaps:
        now += gap
        if pace.wait(now) == 0.0:
            taken.append(now)
    most = per_minute + max(1.0, per_minute * AT_ONCE_SECONDS / 60) + 1e-6
    assert all(sum(start <= each < start + 60 for each in taken) <= most for start in taken)


@given(st.floats(1, 600))
def test_who_waits_as_long_as_told_is_let_through(per_minute: float) -> None:
    pace, now = Pace(per_minute), 0.0
    for _ in range(20):
        if wait := pace.wait(now):
            now += wait + 1e-6
            assert pace.wait(now) == 0.0
