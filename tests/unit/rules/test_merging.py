"""Several histories become one: in the order of arrival within each partition, whole, whatever the batches."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.event import Event
from dutyd.rules.rehearsal.histories import Batch
from dutyd.rules.rehearsal.merging import merged

topics = st.lists(
    st.lists(st.tuples(st.integers(0, 1), st.lists(st.integers(0, 9), max_size=4)), max_size=4), min_size=1, max_size=3
)


def event(topic: str, time: float, number: int) -> Event:
    return Event(f"{topic}-{number}", topic, time, time, number, {})


def history(topic: str, gaps: list[tuple[int, list[int]]]) -> list[Batch]:
    """Return batches whose events come one after the other."""
    batches, time, number = list[Batch](), 0, 0
    for partition, steps in gaps:
        events = []
        for step in steps:
            time, number = time + step, number + 1
            events.append(event(topic, time, number))
        batches.append(Batch(topic, partition, events, (), len(events)))
    return batches


@given(topics)
def test_every_event_comes_once_and_each_partition_in_the_order_of_arrival(
    drawn: list[list[tuple[int, list[int]]]],
) -> None:
    histories = [history(f"t{number}", gaps) for number, gaps in enumerate(drawn)]
    out = list(merged([iter(each) for each in histories]))
    for partition in (0, 1):
        told = [(batch.topic, each) for batch in out if batch.partition == partition for each in batch.events]
        assert [each.arrival for _, each in told] == sorted(each.arrival for _, each in told)
        for topic, batches in zip(("t0", "t1", "t2"), histories, strict=False):
            own = [each for batch in batches if batch.partition == partition for each in batch.events]
            assert [each for name, each in told if name == topic] == own
    assert sum(batch.read for batch in out) == sum(batch.read for each in histories for batch in each)


def test_a_history_is_read_only_as_far_as_the_others_have_come() -> None:
    read: list[str] = []

    def batches(topic: str, times: range) -> Iterator[Batch]:
        for time in times:
            read.append(topic)
            yield Batch(topic, 0, [event(topic, time, time)], (), 1)

    both = merged([batches("a", range(100)), batches("b", range(50, 100))])
    while next(both).read or len(read) < 10:
        pass
    assert read.count("b") == 1
