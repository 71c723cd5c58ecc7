"""``rate`` and ``delta`` follow counters, ``absent`` says that a field is not there any more."""

from dutyd.core.event import Event
from dutyd.evaluate.engine import State, judge, plan, replay, sweep, tick
from dutyd.evaluate.engine.windows.series import MOST_SERIES
from support.engine.run import TOPIC, Task, event, rule, short


def test_a_rate_is_what_a_counter_rose_within_the_window_each_second() -> None:
    task = Task(rule("rate(x, 10s) > 2", let={"r": "rate(x, 10s)"}))
    assert task.judge(event(100, x=1000), event(105, x=1010)) == []
    (change,) = task.judge(event(108, x=1025))
    assert change.evidence.let == {"r": 2.5}
    assert short(task.tick(115)) == [("r", "a", "cleared", 115)]  # the rise of 105 has left


def test_a_counter_that_fell_was_started_again() -> None:
    task = Task(
        rule("rate(x, 10s) > 99", let={"r": "rate(x, 10s)"}, id="r"), rule("x == 20", let={"r": "rate(x, 10s)"})
    )
    task.judge(event(100, x=1000), event(101, x=1010))
    (change,) = task.judge(event(102, x=20))
    assert change.evidence.let == {"r": 3.0}


def test_a_delta_is_how_far_a_number_moved_either_way() -> None:
    task = Task(rule("delta(x, 10s) < -5"))
    assert task.told(event(100, x=20), event(103, x=30), event(104, x=14)) == [("r", "a", "opened", 104)]


def test_the_first_sample_and_one_after_a_long_silence_say_nothing() -> None:
    task = Task(rule("rate(x, 10s) >= 0"))
    assert task.told(event(100, x=5), event(110, x=9)) == []
    assert task.told(event(119, x=9)) == [("r", "a", "opened", 119)]


def test_each_series_has_a_counter_of_its_own() -> None:
    task = Task(rule("rate(x, 10s, by(pod)) > 1.5"))
    assert task.told(event(100, x=500, pod="p"), event(101, x=3, pod="q"), event(102, x=510, pod="p")) == []
    assert task.told(event(103, x=9, pod="q")) == [("r", "a", "opened", 103)]
    assert task.told(event(104, x=99)) == []  # of no series


def test_series_are_bounded_and_counted() -> None:
    task = Task(rule("rate(x, 10s, by(pod)) > 1"))
    task.judge(*[event(100, x=1, pod=f"p{number}") for number in range(MOST_SERIES + 3)])
    assert task.state.take_counts().overflow == {"r": 3}


def test_a_field_is_absent_once_no_event_brought_it_for_so_long() -> None:
    task = Task(rule("absent(beat, 15s)"))
    assert task.told(event(100, beat=1), event(110, beat=1), event(124, other=1)) == []
    (change,) = task.tick(200)
    assert (change.kind, change.decided) == ("opened", 125)
    assert change.occurrence.endswith("|125.000000")
    assert task.told(event(300, other=1)) == []
    assert task.told(event(301, beat=1)) == [("r", "a", "cleared", 301)]


def test_an_entity_that_never_brought_it_is_given_time_from_its_first_event() -> None:
    task = Task(rule("absent(beat, 15s)"))
    assert task.told(event(100, other=1), event(114, other=1)) == []
    assert short(task.tick(115)) == [("r", "a", "opened", 115)]


def test_dense_beats_are_not_taken_for_absent_too_early() -> None:
    """Windows forget a 60th of themselves at once; here that would be wrong by a quarter of a minute."""
    task = Task(rule("absent(beat, 15m)"))
    task.judge(event(0, beat=1), event(10, beat=1))
    assert short(task.tick(909.9)) == []
    assert short(task.tick(910)) == [("r", "a", "opened", 910)]


def test_what_is_absent_stays_so_through_restarts_and_reloads() -> None:
    made = plan([rule("absent(beat, 15s)")])
    state = State()
    judge(made, state, TOPIC, [event(100, beat=1)])
    assert len(tick(made, state, 200)) == 1
    second = State()
    second.load(state.all_latches())
    replay(made, second, TOPIC, [event(190, other=1)])  # replay goes not back to the beat
    assert judge(made, second, TOPIC, [event(201, other=1)]) == []
    edited = plan([rule("absent(beat, 15s)"), rule("x > 1", id="more")])
    assert sweep(edited, second, 0.0) == []
    assert judge(edited, second, TOPIC, [event(202, other=1)]) == []
    assert short(judge(edited, second, TOPIC, [event(203, beat=1)])) == [("r", "a", "cleared", 203)]


def test_a_filter_says_what_counts_as_a_beat() -> None:
    task = Task(rule('absent(beat, 15s, beat == "ok")'))
    task.judge(event(100, beat="ok"), event(110, beat="dying"))
    assert short(task.tick(116)) == [("r", "a", "opened", 115)]


def test_late_beats_count() -> None:
    task = Task(rule("absent(beat, 15s)"))
    task.judge(event(100, beat=1), event(112, other=1))
    late: Event = event(108, beat=1)
    assert task.told(late) == []
    assert short(task.tick(122.9)) == []
    assert short(task.tick(123)) == [("r", "a", "opened", 123)]


def test_absence_that_began_before_a_restart_is_told_after_it() -> None:
    first, cause = Task(rule("!absent(x, 1s)")), event(1000.0, offset=0)
    first.judge(cause)
    second = Task(rule("!absent(x, 1s)"))
    second.load(first.state.all_latches())
    second.replay(cause)
    assert short(second.tick(1002.0)) == [("r", "a", "cleared", 1001.0)]
