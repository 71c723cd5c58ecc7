"""When a question is put again that got no answer, and when no more."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.act.means import LONGEST_SECONDS, Means, Waits
from dutyd.act.questions import PATIENCE_SECONDS, wait_after
from dutyd.core.policy import Policy
from dutyd.core.step import Retry, Step
from dutyd.ledger.claims import Tries

ANSWER = 3600.0


def means(chance: float = 0.5) -> Means:
    nothing: Mapping[str, Any] = {}
    ledger: Any = None
    return Means(ledger, ledger, Policy(), {}, nothing, None, waits=Waits(answer=ANSWER), chance=lambda: chance)


def step(**given: Any) -> Step:
    return Step(name="level", tool="check_stock_levels", **given)


def times_until_the_end(asking: Step, chance: float, asked: float | None = None) -> tuple[int, float]:
    """Return how often a system that is always down is asked, and for how long."""
    waited, count = 0.0, 1
    while (wait := wait_after(asking, Tries(count, 0.0), waited, means(chance), asked)) is not None:
        waited, count = waited + wait, count + 1
    return count, waited


@pytest.mark.parametrize("attempts", [1, 3, 7])
def test_a_step_that_says_how_often_is_asked_so_often(attempts: int) -> None:
    assert times_until_the_end(step(retry=Retry(attempts, 10.0)), 0.5)[0] == attempts
    assert wait_after(step(retry=Retry(3, 10.0)), Tries(1, 0.0), 0.0, means(0.5), None) == 5.0


@given(st.floats(0.2, 0.99), st.sampled_from([None, 30.0]))
def test_without_an_end_of_its_own_it_is_asked_for_as_long_as_the_settings_say(
    chance: float, asked: float | None
) -> None:
    count, waited = times_until_the_end(step(), chance, asked)
    assert ANSWER - LONGEST_SECONDS - 1 <= waited <= ANSWER
    assert count > 1


@given(st.floats(0.0, 0.99))
def test_what_the_rest_goes_on_without_is_waited_for_a_moment_only(chance: float) -> None:
    asking = step(on_error="continue")
    for waited in (0.0, 1.0, 1.9, 2.1):
        wait = wait_after(asking, Tries(2, 0.0), waited, means(chance), None)
        assert wait is None or waited + wait <= PATIENCE_SECONDS
    assert wait_after(asking, Tries(1, 0.0), 0.0, means(chance), 600.0) is None


@given(st.integers(1, 10**6), st.floats(0.0, 0.99), st.floats(0.0, ANSWER / 2))
def test_it_is_never_asked_before_the_system_said(count: int, chance: float, asked: float) -> None:
    for asking in (step(), step(retry=Retry(10**7, 1.0))):
        wait = wait_after(asking, Tries(count, 0.0), 0.0, means(chance), asked)
        assert wait is not None
        assert wait >= asked


def test_tries_that_a_guard_held_back_are_none_and_yet_it_ends_with_the_time_of_the_settings() -> None:
    asking = step(retry=Retry(3, 1.0))
    held_back = Tries(0, 0.0)
    assert wait_after(asking, held_back, ANSWER / 2, means(0.5), 60.0) == 60.5
    assert wait_after(asking, held_back, ANSWER - 30, means(0.5), 60.0) is None
