"""Events of several source partitions come back into the order of their arrival."""

import math
import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.event import Event
from dutyd.evaluate.by_key import Carried
from dutyd.evaluate.merge import Merge

ARRIVALS = st.lists(st.lists(st.integers(0, 50).map(float), max_size=12).map(sorted), min_size=1, max_size=4)


def event(arrival: float, name: str = "e") -> Event:
    return Event(id=name, source="metrics", time=arrival, arrival=arrival, offset=0, fields={})


def released(merge: Merge) -> list[float]:
    return [each.event.arrival for each in merge.release()]


@given(ARRIVALS, st.randoms(use_true_random=False))
def test_whatever_the_pace_of_each_partition_all_come_in_the_order_of_arrival(
    partitions: Sequence[Sequence[float]], dice: random.Random
) -> None:
    merge, out, offset = Merge(len(partitions)), [], 0
    left = {number: list(arrivals) for number, arrivals in enumerate(partitions)}
    while any(left.values()):
        number = dice.choice([number for number, arrivals in left.items() if arrivals])
        arrival = left[number].pop(0)
        merge.add(Carried(number, arrival, ("service",), event(arrival)), offset)
        out += released(merge)
        offset += 1
    for number in left:
        merge.add(Carried(number, 1_000.0), offset)
    out += released(merge)
    assert out == sorted(arrival for arrivals in partitions for arrival in arrivals)
    assert merge.oldest_offset is None


def test_an_event_waits_for_the_slowest_partition() -> None:
    merge = Merge(2)
    merge.add(Carried(0, 5.0, ("service",), event(5.0)), 7)
    merge.add(Carried(0, 9.0), 8)
    assert (released(merge), merge.frontier, merge.oldest_offset) == ([], -math.inf, 7)
    merge.add(Carried(1, 5.0), 9)
    assert released(merge) == []  # another may have arrived at the very same time
    merge.add(Carried(1, 5.1), 10)
    assert (released(merge), merge.frontier, merge.oldest_offset) == ([5.0], 5.1, None)


def test_what_comes_late_waits_for_nobody() -> None:
    merge = Merge(2)
    merge.at_least(100.0)
    merge.add(Carried(1, 50.0, ("service",), event(50.0)), 0)
    assert released(merge) == [50.0]


def test_where_too_many_wait_the_oldest_go_on_without_the_one_that_stands_still() -> None:
    merge = Merge(2, most=3)
    for number in range(5):
        merge.add(Carried(0, float(number), ("service",), event(float(number))), number)
    assert released(merge) == [0.0, 1.0]
    assert merge.frontier == 1.0
    assert (merge.take_stalled(), merge.take_stalled()) == ([1], [])
