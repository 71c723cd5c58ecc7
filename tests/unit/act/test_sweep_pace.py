"""The pace of the sweeper: looks begin evenly, whatever each took, and nothing that asked nobody costs time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.act.sweep import IDLE_SECONDS, Turn, wait_after


@given(st.floats(0.1, 600.0), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=50))
def test_a_backlog_is_looked_at_at_the_whole_rate(per_minute: float, shares: list[float]) -> None:
    pause = 60 / per_minute
    spent = sum(share * pause + wait_after(Turn.ASKED, pause, share * pause) for share in shares)
    assert spent == pytest.approx(len(shares) * pause)


def test_a_look_that_took_longer_than_the_pause_is_followed_at_once() -> None:
    assert wait_after(Turn.ASKED, 2.0, 5.0) == 0.0


def test_who_asked_nobody_goes_on_at_once_and_who_found_nothing_waits() -> None:
    assert wait_after(Turn.PASSED, 2.0, 0.0) == 0.0
    assert wait_after(Turn.IDLE, 0.1, 0.0) == wait_after(Turn.IDLE, 600.0, 0.0) == IDLE_SECONDS
