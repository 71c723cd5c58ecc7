"""The topics of one evaluator as the broker has them: which are there, with how many partitions, whose task each is.

``membership`` asks before it joins the group, and again for what was missing; ``assignment`` takes up the tasks that
are found here. State belongs to a task by its partition's number, so a topic must keep the number of partitions that
its state was made for, which Redis remembers.
"""

from collections.abc import Iterable, Mapping, Sequence

import structlog

from dutyd.core.errors import NotReadyError, WrongError
from dutyd.core.metrics import TOPIC_MISSING
from dutyd.core.topic import Start, Topic, task_name
from dutyd.evaluate.notes import Notes
from dutyd.stream.base import Partition, Stream

log = structlog.get_logger()


class Topics:
    """The topics that are read, sources and by-key ones, by their real names."""

    def __init__(self, topics: Mapping[str, Topic], stream: Stream, notes: Notes) -> None:
        self._topics = topics
        self._stream = stream
        self._notes = notes
        self._counts: dict[str, int] = {}
        self._missed: set[str] = set()  # were not there when they were looked for

    def __getitem__(self, topic: str) -> Topic:
        """Return the settings of *topic*."""
        return self._topics[topic]

    def learn_counts(self) -> None:
        """Ask how many partitions each topic has, and compare with what its tasks were made for.

        A topic that is not there yet is waited for, the others are read meanwhile.

        Raises:
            NotReadyError: none of the source topics is there.
            WrongError: a topic has another number of partitions than before: state would be in the wrong tasks.

        """
        found = self._look_for(self._topics)
        sources = sorted(name for name, topic in self._topics.items() if not topic.carries)
        if not found.keys() & set(sources):
            raise NotReadyError(_absent(sources))
        stored = self._notes.keep_counts(found)
        for topic, count in found.items():
            if stored[topic] != count:
                raise WrongError(
                    f"topic '{topic}' has {count} partitions, its state was made for {stored[topic]}: "
                    "stop all evaluators and run `dutyd state repartition`"
                )
        self._counts.update(found)

    def _look_for(self, topics: Iterable[str]) -> dict[str, int]:
        """Return the partition counts of those that are there; say once of each other that it is not."""
        counts = {topic: self._stream.partitions(topic) for topic in topics}
        for topic, count in counts.items():
            TOPIC_MISSING.labels(self._topics[topic].alias).set(count is None)
            if count is None and topic not in self._missed:
                self._missed.add(topic)
                log.warning("a topic is waited for", why=_absent([topic]))
        return {topic: count for topic, count in counts.items() if count is not None}

    def appeared(self) -> bool:
        """Look again for the topics that were missing; whether one of them is there now."""
        found = self._look_for(self.missing)
        for topic in found:
            log.info("a topic that was waited for is there: joining the group anew to read it", topic=topic)
        return bool(found)

    @property
    def missing(self) -> tuple[str, ...]:
        """The topics that are waited for."""
        return tuple(sorted(self._topics.keys() - self._counts.keys()))

    @property
    def starts(self) -> Mapping[str, Start]:
        """The topics that are there, each with where it begins: what was waited for is new from its first record."""
        return {name: Start.EARLIEST if name in self._missed else self._topics[name].start for name in self._counts}

    def count(self, topic: str) -> int | None:
        """Return how many partitions *topic* has; None: it is not there, or is none that is read."""
        return self._counts.get(topic)

    def task_of(self, partition: Partition) -> str:
        """Return the task that *partition* belongs to: its number over topics with the same partition count.

        Raises:
            WrongError: the topic got more partitions since ``learn_counts``.

        """
        count = self._counts[partition.topic]
        if partition.number >= count:
            raise WrongError(
                f"topic '{partition.topic}' has more partitions than the {count} its state was made for: "
                "stop all evaluators and run `dutyd state repartition`"
            )
        return task_name(self._topics[partition.topic], count, partition.number)

    @property
    def scheduler(self) -> Partition:
        """The partition whose owner runs the scheduled rules: one that every evaluator finds without asking."""
        return Partition(min(topic for topic in self._counts if not self._topics[topic].carries), 0)


def _absent(topics: Sequence[str]) -> str:
    do, it = ("do", "them") if len(topics) > 1 else ("does", "it")
    return f"{', '.join(map(repr, topics))} {do} not exist: create {it}, or correct `topics` in the settings"
