"""Demand ahead: laws of the two methods."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd_tools.forecast import CROSTON_FACTOR, daily, forecast

steady = st.lists(st.floats(1, 1e6), min_size=1, max_size=200)
histories = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@given(steady)
def test_steady_demand_stays_between_its_least_and_its_most(history: list[float]) -> None:
    expected = forecast(history)
    assert expected.method == "exponential smoothing"
    assert min(history) * 0.999 <= expected.per_day <= max(history) * 1.001


@given(histories)
def test_a_forecast_is_never_negative_and_never_above_the_most(history: list[float]) -> None:
    assert 0 <= forecast(history).per_day <= max(history) * 1.001


@given(st.floats(1, 1e6), st.integers(1, 100))
def test_what_never_changed_is_expected_again(quantity: float, days: int) -> None:
    assert forecast([quantity] * days).per_day == pytest.approx(quantity)


@given(st.integers(2, 30), st.floats(1, 1000))
def test_demand_on_every_nth_day_is_its_size_over_n(interval: int, size: float) -> None:
    history = ([0.0] * (interval - 1) + [size]) * 10
    expected = forecast(history)
    assert expected.method.startswith("Croston")
    assert expected.per_day == pytest.approx((1 - CROSTON_FACTOR / 2) * size / interval)


def test_demand_that_settled_on_a_new_level_is_expected_there() -> None:
    assert forecast([10.0] * 20 + [50.0] * 20).per_day == pytest.approx(50, rel=0.01)


def test_nothing_wanted_so_far_is_a_finding_of_its_own() -> None:
    assert forecast([0.0, 0.0]).per_day == 0
    assert forecast([0.0, 0.0]).method == "nothing was wanted so far"


def test_days_that_were_not_told_are_days_without_demand() -> None:
    assert daily({"2026-01-03": 5.0, "2025-12-31": 2.0}) == [2.0, 0.0, 0.0, 5.0]
    assert daily({}) == []
