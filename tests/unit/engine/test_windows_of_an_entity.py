import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.evaluate.engine.compiled.fold import Fold
from dutyd.evaluate.engine.windows.window import Window

times = st.lists(st.integers(0, 400).map(lambda quarter: quarter / 4), min_size=1, max_size=40)
folds = {"count": Fold.SUM, "sum": Fold.SUM, "avg": Fold.SUM, "min": Fold.MIN, "max": Fold.MAX}
exact: dict[str, Callable[[list[float]], float]] = {
    "count": len,
    "sum": sum,
    "avg": lambda found: sum(found) / len(found),
    "min": min,
    "max": max,
}


def read(window: Window, function: str, now: float) -> float | None:
    window.settle(now)
    return window.value(function)


@given(times, st.sampled_from(sorted(folds)))
def test_a_window_is_exact_while_samples_are_rarer_than_panes(found: list[float], function: str) -> None:
    window, samples = Window(folds[function], 60.0), list[float]()
    for now in sorted({math.floor(time) for time in found}):
        window.add(float(now), now * 2.0, float(now))
        samples = [sample for sample in (*samples, now) if sample > now - 60]
        assert read(window, function, now) == exact[function]([sample * 2.0 for sample in samples])


@given(times, st.integers(1, 200))
def test_a_dense_window_holds_all_of_its_span_but_for_at_most_one_pane(found: list[float], seconds: int) -> None:
    window = Window(Fold.SUM, float(seconds))
    for number, now in enumerate(sorted(found)):
        window.add(now, 1.0, now)
        inside = [time for time in sorted(found)[: number + 1] if time > now - seconds]
        surely = [time for time in inside if time > now - seconds + seconds / 60]
        assert len(surely) <= (read(window, "count", now) or 0) <= len(inside)


@given(times, st.lists(st.floats(-1e6, 1e6), min_size=40, max_size=40), st.sets(st.integers(0, 39)))
def test_when_panes_are_let_go_changes_no_digit(found: list[float], values: list[float], looks: set[int]) -> None:
    often, seldom = Window(Fold.SUM, 30.0), Window(Fold.SUM, 30.0)
    ordered = sorted(found)
    for number, time in enumerate(ordered):
        often.add(time, values[number], time)
        seldom.add(time, values[number], time)
        if number in looks:
            often.settle(time + 0.1)
    end = ordered[-1] + 0.1
    assert read(often, "sum", end) == read(seldom, "sum", end)


@given(times, times)
def test_a_replay_from_within_builds_the_same_panes(early: list[float], found: list[float]) -> None:
    whole, later = Window(Fold.SUM, 30.0), Window(Fold.SUM, 30.0)
    for time in sorted(early):
        whole.add(time, 1.0, time)
    for time in sorted(found):
        whole.add(time + 200.0, 0.5, time + 200.0)
        later.add(time + 200.0, 0.5, time + 200.0)
    assert whole.due == later.due
    assert read(whole, "sum", max(found) + 200.0) == read(later, "sum", max(found) + 200.0)


def test_a_sample_leaves_when_the_span_has_passed() -> None:
    window = Window(Fold.SUM, 10.0)
    window.add(5.0, 2.0, 5.0)
    assert window.due == 15.0
    assert read(window, "sum", 14.999) == 2.0
    assert read(window, "sum", 15.0) == 0.0
    assert window.due == math.inf


def test_a_late_sample_counts_while_its_pane_exists() -> None:
    window = Window(Fold.SUM, 10.0)
    for time, now in ((20.0, 20.0), (12.0, 20.0), (10.0, 20.0), (20.1, 20.1), (19.9, 20.1)):
        window.add(time, 1.0, now)
    assert read(window, "count", 20.1) == 4
    assert window.due == 22.0


@pytest.mark.parametrize(("function", "value"), [("count", 0), ("sum", 0), ("avg", None), ("min", None), ("max", None)])
def test_of_nothing_count_and_sum_are_0_and_the_rest_unknown(function: str, value: float | None) -> None:
    assert read(Window(folds[function], 10.0), function, 1.0) == value


def test_a_total_beyond_the_doubles_is_unknown_until_it_left() -> None:
    window = Window(Fold.SUM, 10.0)
    for time in (1.0, 2.0, 3.0):
        window.add(time, 1e308, time)
    assert read(window, "sum", 3.0) is None
    assert read(window, "sum", 12.5) == 1e308


def test_no_error_of_floating_point_stays_behind() -> None:
    window = Window(Fold.SUM, 10.0)
    window.add(0.0, 1e16, 0.0)
    for time in range(1, 9):
        window.add(float(time), 0.1, float(time))
    assert read(window, "sum", 10.5) == pytest.approx(0.8, abs=1e-12)
