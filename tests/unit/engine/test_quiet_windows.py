import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.evaluate.engine import plan, sweep
from dutyd.evaluate.engine.compiled.fold import Fold
from dutyd.evaluate.engine.compiled.touch import Band
from dutyd.evaluate.engine.views.feeds import quiet_samples
from dutyd.evaluate.engine.windows.tracks import REAP, Track
from dutyd.evaluate.engine.windows.window import Window
from support.engine.run import Task, event, rule, short

_FOLDS = {"min": Fold.MIN, "max": Fold.MAX}
_numbers: Any = st.floats(-1e9, 1e9) | st.sampled_from([0.1, -0.1, 0.3, 1e-300, 0.0])


@st.composite
def bands(draw: st.DrawFn) -> Band:
    low, high = sorted((draw(_numbers | st.just(-math.inf)), draw(_numbers | st.just(math.inf))))
    return Band(low, high)


@given(st.data(), st.sampled_from(["avg", "min", "max", "sum", "count"]), bands())
def test_a_window_within_the_band_stays_there_whatever_quiet_samples_leave(
    data: st.DataObject, function: str, band: Band
) -> None:
    quiet = quiet_samples(function, band)
    drawn = data.draw(st.lists(_numbers | st.sampled_from([*band, *quiet]), min_size=1, max_size=20))
    samples = [sample for sample in drawn if quiet.low <= sample <= quiet.high]
    window = Window(_FOLDS.get(function, Fold.SUM), 60.0)
    for time, sample in enumerate(samples):
        window.add(float(time), sample, float(time))
    value = window.value(function)
    if value is not None and band.low <= value <= band.high:
        for time in range(len(samples)):
            window.settle(60.0 + time)
            left = window.value(function)
            assert left is None or band.low <= left <= band.high


def track_of(task: Task) -> Track:
    (topic,) = task.state.topics.values()
    (view,) = topic.views.values()
    (track,) = view.tracks.values()
    return track


@pytest.mark.parametrize("condition", ["avg(x, 5m) > 10", "sum(x, 5m) > 99", "count(5m) > 99", "max(x, 5m) > 10"])
def test_a_quiet_window_has_no_timer_for_its_panes_and_keeps_no_event(condition: str) -> None:
    task = Task(rule(condition))
    task.judge(*(event(float(time), x=5) for time in range(1, 20)))
    track = track_of(task)
    assert ([kind for _, kind, _ in track.timers], track.last) == ([REAP], None)


@pytest.mark.parametrize("condition", ["avg(x, 5m) > 4", "sum(x, 5m) < 6", "count(5m) < 9", "min(x, 5m) / 2 > 9"])
def test_a_window_that_a_leaving_pane_may_take_out_of_the_band_has_its_timer(condition: str) -> None:
    task = Task(rule(condition))
    task.judge(event(1.0, x=5), newest := event(2.0, x=5))
    assert (track_of(task).due, track_of(task).last) == (301.0, newest)


def test_a_loud_sample_among_quiet_ones_opens_when_they_leave() -> None:
    task = Task(rule("avg(x, 5m) > 10"))
    task.judge(*(event(float(time), x=0) for time in range(1, 20)), event(100.0, x=12), event(110.0, x=9.5))
    opened, cleared = task.tick(1_000.0)
    assert (opened.decided, opened.evidence.fields["x"], cleared.decided) == (315.0, 9.5, 400.0)


def test_a_window_is_quiet_again_when_its_loud_samples_have_left() -> None:
    task = Task(rule("max(x, 5m) > 10"))
    task.judge(event(1.0, x=20), *(event(float(time), x=0) for time in range(2, 900, 20)))
    assert [kind for _, kind, _ in track_of(task).timers] == [REAP]


def test_what_the_clock_let_go_does_not_come_back_with_an_older_event() -> None:
    task = Task(rule("sum(x, 5m) > 10"))
    task.judge(event(1.0, x=9))
    task.tick(400.0)
    assert task.judge(event(200.0, x=9)) == []


def test_a_rule_that_came_later_finds_the_samples_of_a_quiet_window() -> None:
    task = Task(rule("avg(x, 5m) > 10"))
    task.judge(*(event(float(time), x=5) for time in range(1, 20)))
    new = plan([rule("avg(x, 5m) > 4")])
    assert sweep(new, task.state, 0.0) == []
    task.plan = new
    assert short(task.judge(event(30.0, x=5))) == [("r", "a", "opened", 30.0)]
