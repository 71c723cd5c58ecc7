"""Records whose judging failed unexpectedly: tried once more alone, then left out. A fault of ours, not bad input.

``path`` is told which batch failed and takes the task up again from its checkpoint; this time the batch's records come
one by one, and the one that fails alone goes to the dead letters and never comes again. So one record can neither stop
its partition nor take its neighbours along.
"""

from collections.abc import Iterator, Sequence

from dutyd.core.event import Record
from dutyd.stream.base import Partition


class Faults:
    """What failed in this process."""

    def __init__(self) -> None:
        self._alone: dict[Partition, int] = {}  # one by one up to this offset
        self._out: dict[Partition, set[int]] = {}

    def batches(self, partition: Partition, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        """Yield *records* as they are to be judged: all at once, or one by one where a batch had failed."""
        if partition not in self._alone:
            yield records
            return
        left = [record for record in records if record.offset not in self._out.get(partition, ())]
        while left and left[0].offset <= self._alone[partition]:
            yield [left.pop(0)]
        if left:
            yield left

    def failed(self, partition: Partition, records: Sequence[Record]) -> Record | None:
        """Take note that *records* failed together; return the record that is to be left out, once it is known."""
        self._alone[partition] = max(records[-1].offset, self._alone.get(partition, -1))
        if len(records) > 1:
            return None
        self._out.setdefault(partition, set()).add(records[0].offset)
        return records[0]
