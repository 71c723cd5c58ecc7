"""When source partitions tell by-key partitions how far they have come."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from dutyd.evaluate.sources import Outlet
from dutyd.evaluate.telling import IDLE_SECONDS, SOON_SECONDS, Telling


def source(carried: float, marked: float, partitions: int = 4) -> SimpleNamespace:
    return SimpleNamespace(outlet=Outlet("t", partitions), carried=carried, marked=marked)


def moments(*sources: SimpleNamespace) -> list[float]:
    """Return at which eighths of a second from the first on it is due, three seconds long."""
    telling = Telling()
    return [eighth / 8 for eighth in range(25) if telling.is_due(100 + eighth / 8, sources)]  # type: ignore[arg-type]


IDLE = [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("sources", "due"),
    [
        ([], []),
        ([SimpleNamespace(outlet=None, carried=5.0, marked=1.0)], []),
        ([source(5.0, 5.1), source(1.0, 6.0)], IDLE),
        ([source(5.0, 6.0), source(1.0, 5.0)], [quarter / 4 for quarter in range(13)]),
        ([source(5.0, 6.0, 250), source(1.0, 5.0, 250)], [half / 2 for half in range(7)]),
        ([source(5.0, 6.0, 9_000), source(1.0, 5.0, 9_000)], IDLE),
    ],
    ids=["no source", "not by key", "nothing waits", "one is behind", "many partitions", "too many"],
)
def test_it_is_told_more_often_while_something_waits_but_never_in_a_flood(
    sources: Sequence[SimpleNamespace], due: list[float]
) -> None:
    assert (SOON_SECONDS, IDLE_SECONDS) == (0.25, 1.0)
    assert moments(*sources) == due
