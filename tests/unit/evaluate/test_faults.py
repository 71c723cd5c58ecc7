from typing import NamedTuple

from dutyd.evaluate.faults import Faults
from dutyd.stream.base import Partition

HERE = Partition("t", 0)


class Stub(NamedTuple):
    """A record of which only the offset counts."""

    offset: int
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def offsets(faults: Faults, *records: Stub, partition: Partition = HERE) -> list[list[int]]:
    return [[each.offset for each in batch] for batch in faults.batches(partition, records)]


RECORDS = [Stub(number) for number in range(5)]


def test_records_come_all_at_once_while_nothing_failed() -> None:
    assert offsets(Faults(), *RECORDS) == [[0, 1, 2, 3, 4]]


def test_after_a_failure_they_come_one_by_one_up_to_where_it_was() -> None:
    faults = Faults()
    assert faults.failed(HERE, RECORDS[:3]) is None
    assert offsets(faults, *RECORDS) == [[0], [1], [2], [3, 4]]
    assert offsets(faults, *RECORDS, partition=Partition("t", 1)) == [[0, 1, 2, 3, 4]]


def test_a_record_that_fails_alone_never_comes_again() -> None:
    faults = Faults()
    faults.failed(HERE, RECORDS[:3])
    assert faults.failed(HERE, [RECORDS[1]]) is RECORDS[1]
    assert offsets(faults, *RECORDS) == [[0], [2], [3, 4]]


def test_later_failures_do_not_forget_earlier_ones() -> None:
    faults = Faults()
    faults.failed(HERE, [RECORDS[1]])
    faults.failed(HERE, RECORDS[3:])
    assert offsets(faults, *RECORDS) == [[0], [2], [3], [4]]
