"""Which silence covers what, and which counts."""

from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.mute import RecurringSilence, Silence, silenced
from dutyd.evaluate.schedule import read_schedule

DAY = 86_400.0
HOUR = 3_600.0


def silence(name: str, begins: float = 0.0, ends: float = DAY, **more: object) -> Silence:
    return Silence(id=name, who="ana", because="x", begins=begins, ends=ends, **more)  # type: ignore[arg-type]


def test_a_silence_lasts_from_its_first_second_up_to_its_last() -> None:
    silences = [silence("s", 10.0, 20.0)]
    assert [silenced(silences, "r", {}, now) is not None for now in (9.9, 10.0, 19.9, 20.0)] == [
        False,
        True,
        True,
        False,
    ]


def test_what_it_names_must_fit_and_what_it_does_not_name_is_covered() -> None:
    assert silence("s").covers("r", {"service": "a"})
    assert silence("s", rule="r", entity={"service": "a"}).covers("r", {"service": "a", "host": "b"})
    assert not silence("s", rule="other").covers("r", {"service": "a"})
    assert not silence("s", entity={"service": "a"}).covers("r", {"service": "b"})
    assert not silence("s", entity={"service": "a"}).covers("r", {})


def test_of_several_silences_the_one_that_ends_last_counts() -> None:
    mute = silenced([silence("a", ends=50.0), silence("b", ends=70.0), silence("c", ends=60.0)], "r", {}, 1.0)
    assert mute is not None
    assert (mute.by, mute.until, mute.why) == ("silence:b", 70.0, "silenced by ana: x")


def nightly(**more: object) -> RecurringSilence:
    schedule = read_schedule("0 22 * * *", "UTC", 0.0)
    return RecurringSilence(id="n", because="copies", schedule=schedule, lasts=8 * HOUR, **more)  # type: ignore[arg-type]


@given(st.integers(24 * 60, 40 * 24 * 60))
def test_a_recurring_silence_covers_the_hours_after_each_of_its_times_and_no_others(minute: int) -> None:
    now = minute * 60.0
    hour = now % DAY / HOUR
    end = nightly().until(now)
    assert (end is not None) == (hour >= 22 or hour < 6)
    if end is not None:
        assert (end % DAY / HOUR, 0 < end - now <= 8 * HOUR) == (6.0, True)


def test_a_recurring_silence_says_where_it_is_written() -> None:
    mute = silenced([nightly(rule="r")], "r", {}, 23 * HOUR)
    assert mute is not None
    assert (mute.until, mute.why) == (30 * HOUR, "silenced by the rule files (n): copies")
    assert silenced([nightly(rule="r")], "other", {}, 23 * HOUR) is None
