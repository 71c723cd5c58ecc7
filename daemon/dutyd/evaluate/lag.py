"""How far behind a partition may be: the age that its oldest undecided record can have at most, at the time of asking.

Every record up to the last decided one, and every one that was there when the partition was last proven to be read to
its end, is decided; so the oldest undecided record is younger than the later of the two. The gauge is computed when it
is scraped: it grows by itself while nothing is read, whether the broker is away, Redis is, or the loop hangs.
``path`` keeps one ``Lags`` for its partitions.
"""

from collections.abc import Callable, Iterable, Mapping

from dutyd.core.metrics import LAG
from dutyd.core.topic import Topic
from dutyd.stream.base import Partition


class Lags:
    """The lags of one evaluator's partitions.

    Args:
        topics: the source topics by their real names.
        now: the wall clock, seconds since the epoch; also read by whoever scrapes.

    """

    def __init__(self, topics: Mapping[str, Topic], now: Callable[[], float]) -> None:
        self._topics = topics
        self._now = now
        self._since: dict[Partition, float] = {}

    def decided(self, partition: Partition, at: float) -> None:
        """Take note that all records that came before *at* (seconds since the epoch) are decided."""
        known = self._since.get(partition)
        at = min(at, self._now())  # producers may date records ahead
        self._since[partition] = at if known is None else max(known, at)
        if known is None:
            alias = self._topics[partition.topic].alias
            LAG.labels(alias, partition.number).set_function(lambda: self.of(partition))

    def read(self, at_end: Mapping[Partition, bool], at: float) -> None:
        """Take note of which partitions were read and decided to their end at *at*."""
        for partition, ended in at_end.items():
            if ended:
                self.decided(partition, at)

    def of(self, partition: Partition) -> float:
        """Return the seconds that *partition* may be behind."""
        now = self._now()
        return max(0.0, now - self._since.get(partition, now))  # it may just have been forgotten

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Take note that *partitions* are another's by now."""
        for partition in partitions:
            if self._since.pop(partition, None) is not None:
                LAG.remove(self._topics[partition.topic].alias, partition.number)

    def forget_all(self) -> None:
        """Take note that all partitions are another's by now."""
        self.forget(list(self._since))
