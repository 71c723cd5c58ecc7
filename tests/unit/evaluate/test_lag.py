"""How far behind a partition may be, while it is read and while nobody reads."""

import pytest
from prometheus_client import REGISTRY

from dutyd.core.topic import Topic
from dutyd.evaluate.lag import Lags
from dutyd.stream.base import Partition

HERE = Partition("real", 7)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lags(clock: Clock) -> Lags:
    return Lags({"real": Topic(alias="alias-of-lag", topic="real")}, clock)


def scraped() -> float | None:
    labels = {"topic": "alias-of-lag", "partition": "7"}
    return REGISTRY.get_sample_value("dutyd_consumer_lag_seconds", labels)


def test_it_grows_while_nothing_is_read(lags: Lags, clock: Clock) -> None:
    lags.decided(HERE, 990.0)
    assert scraped() == 10.0
    clock.now = 1600.0
    assert scraped() == 610.0


def test_a_partition_that_is_read_to_its_end_is_not_behind_however_old_its_last_record_is(
    lags: Lags, clock: Clock
) -> None:
    lags.decided(HERE, 10.0)
    clock.now = 1001.0
    lags.read({HERE: True}, 1001.0)
    assert scraped() == 0.0


def test_one_that_is_not_read_to_its_end_is_as_late_as_what_it_decided_last(lags: Lags) -> None:
    lags.decided(HERE, 400.0)
    lags.read({HERE: False}, 1000.0)
    assert scraped() == 600.0


def test_an_old_record_does_not_make_it_late_again(lags: Lags) -> None:
    lags.read({HERE: True}, 1000.0)
    lags.decided(HERE, 100.0)
    assert scraped() == 0.0


def test_a_record_that_is_dated_ahead_hides_nothing(lags: Lags, clock: Clock) -> None:
    lags.decided(HERE, 99_999.0)
    clock.now = 1300.0
    assert scraped() == 300.0


def test_a_partition_that_went_to_another_process_is_not_told_any_more(lags: Lags) -> None:
    lags.decided(HERE, 990.0)
    lags.forget([HERE])
    assert scraped() is None
    lags.decided(HERE, 995.0)
    lags.forget_all()
    assert scraped() is None
