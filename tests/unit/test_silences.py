"""Which silence covers what, and which counts."""

from dutyd.core.mute import Silence, silenced

DAY = 86_400.0


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
