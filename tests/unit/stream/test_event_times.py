"""Times as producers write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.errors import BadInputError
from dutyd.core.event import Event
from dutyd.core.expr import parse
from dutyd.core.rule import Rule
from dutyd.core.topic import Topic
from dutyd.evaluate.engine import State, judge, plan
from dutyd.stream.formats import Decoder
from dutyd.stream.formats.times import REMEMBERED, Times
from support.records import FakeRecord

NOON = 1_800_014_400.0  # 2027-01-15T12:00:00Z


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2027-01-15T12:00:00Z", NOON),
        ("2027-01-15t12:00:00z", NOON),
        ("2027-01-15 12:00:00", NOON),
        ("2027-01-15T12:00:00", NOON),
        ("2027-01-15T13:30:00+01:30", NOON),
        ("2027-01-15T12:00:00.250Z", NOON + 0.25),
        ("2027-01-15T12:00:00.250000123Z", NOON + 0.25),
        ("2027-01-15T11:59:60Z", NOON),  # a leap second
        ("2027-01-15", NOON - 12 * 3600),
        (1_800_014_400, NOON),
        (1_800_014_400.5, NOON + 0.5),
        (1_800_014_400_500, NOON + 0.5),
        (0, 0.0),
        (-5, -5.0),
    ],
)
def test_what_is_a_time(value: str | float, seconds: float) -> None:
    assert Times().read(value) == seconds


@pytest.mark.parametrize(
    "value",
    ["2027", "20270115", "2027-01", "2027-W03-5", "2027-13-01", "2027-01-15T25:00:00Z", "2027-01-15T12:00:00 UTC",
     "15.01.2027", "now", "", "1800014400", 1_800_014_400_000_000, True, None, [], {}],
)  # fmt: skip
def test_what_is_none(value: object) -> None:
    with pytest.raises(BadInputError, match="can't be read: expected RFC 3339"):
        Times().read(value)


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(BadInputError) as caught:
        Times().read("x" * 10_000)
    assert len(str(caught.value)) < 300


def test_what_is_remembered_is_bounded() -> None:
    times = Times()
    for number in range(REMEMBERED + 10):
        times.read(f"2027-01-15T12:{number // 60 % 60:02}:{number % 60:02}.{number}Z")
    assert len(times.known) <= REMEMBERED


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001  # naive on purpose
def test_a_time_written_by_the_standard_library_is_read_to_the_microsecond(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert Times().read(aware.isoformat()) == aware.timestamp()
    assert Times().read(moment.isoformat()) == aware.timestamp()


@given(st.text())
def test_any_text_is_a_time_or_bad_input(text: str) -> None:
    times = Times()
    try:
        first = times.read(text)
    except BadInputError:
        return
    assert times.read(text) == first


def test_an_event_from_the_future_is_the_same_event_when_it_is_sent_again() -> None:
    told = b'{"id": "a", "source": "s", "time": "2026-06-05T12:00:10Z"}'
    decoder = Decoder(Topic(alias="t", topic="t"), 0)
    noon = int(datetime(2026, 6, 5, 12, tzinfo=UTC).timestamp() * 1000)
    once, again = decoder.decode([FakeRecord(told, timestamp=at) for at in (noon, noon + 5_000)]).events
    assert (once.time, again.time) == (noon / 1000, noon / 1000 + 5)
    assert once.identity == again.identity


def test_the_engine_drops_it_the_second_time_and_counts_it_as_ahead() -> None:
    made, state = plan([Rule(id="r", topic="t", when=parse("true"))]), State()
    events = [Event("a", "s", time, time, offset, {}, 1010.0) for offset, time in enumerate((1000.0, 1005.0))]
    assert len(judge(made, state, "t", events)) == 1
    counts = state.take_counts()
    assert (counts.duplicates, counts.ahead) == (1, 2)
