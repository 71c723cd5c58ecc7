"""``run --until-idle``: knows when nothing is left to do, anywhere in the installation.

Asked of the broker and of Redis, never of this process's memory, so that other processes' work counts, too: every
source partition decided to the end offset asked just now, every trigger accepted, outboxes and outcomes empty, no
incident that goes on by itself. People, mutes, pauses and timers of rules are not waited for.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from dutyd.act.accept import source_name
from dutyd.core.errors import NotReadyError
from dutyd.core.topic import Topic
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.looking import progress_of
from dutyd.ledger import Ledger
from dutyd.stream.base import Partition, Stream

log = structlog.get_logger()

LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Idle:
    """Looks whether there is nothing left to do.

    Attributes:
        topics: what evaluators read: the source topics, and by-key topics.
        triggers: real name of the triggers topic.
        assigned: whether this process was ever given its partitions.

    """

    stream: Stream
    checkpoint: Checkpoint
    ledger: Ledger
    topics: Sequence[Topic]
    triggers: str
    assigned: Callable[[], bool]
    _ends: dict[Partition, int] = field(default_factory=dict)  # of by-key topics, when all sources were decided

    async def wait(self, seconds: float, clock: Callable[[], float]) -> None:
        """Return once it was idle for *seconds* without a break; say what is waited for whenever that changes."""
        since, said = None, ""
        while True:
            busy = await self._busy_with()
            if busy and busy != said:
                log.info("not idle yet", waits_for=busy)
            said, since = busy, None if busy else since or clock()
            if since is not None and clock() - since >= seconds:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _busy_with(self) -> str:
        """Return what is left to do, or an empty text."""
        if not self.assigned():
            return "an assignment of partitions"
        try:
            if why := await asyncio.to_thread(self._undecided) or await self._unaccepted():
                return why
            if count := await self.ledger.incidents.busy():
                return f"{count} incidents in work"
            return "outcomes on their way" if await self.ledger.outcomes.count() else ""
        except NotReadyError as error:
            return str(error)

    def _undecided(self) -> str:
        """Return which partition is not decided to its end, or whose triggers wait in an outbox.

        By-key topics always grow, by marks: they are done up to where they ended when the sources were.
        """
        if why := self._left([topic for topic in self.topics if not topic.carries], {}):
            self._ends.clear()
            return why
        by_key = [topic for topic in self.topics if topic.carries]
        if by_key and not self._ends:
            spans = self.stream.spans([topic.topic for topic in by_key])
            self._ends.update({each: span.end for each, span in spans.items()})
        return self._left(by_key, self._ends)

    def _left(self, topics: Sequence[Topic], ends: Mapping[Partition, int]) -> str:
        """Return what is left to do in *topics* up to *ends*, where that is not known up to their ends now."""
        for partition, span, progress in progress_of(self.stream, self.checkpoint, topics):
            decided = progress.offsets.get(partition.topic)
            if ends.get(partition, span.end) > max(decided.below if decided else 0, span.begin):
                return f"{partition.topic}/{partition.number} to be decided to its end"
            if progress.waiting:
                return f"triggers of {partition.topic}/{partition.number} to be produced"
        return ""

    async def _unaccepted(self) -> str:
        spans = await asyncio.to_thread(self.stream.spans, [self.triggers])
        accepted = await self.ledger.incidents.accepted_offsets()
        for each, span in spans.items():
            if span.end > max(accepted.get(source_name(each), 0), span.begin):
                return f"{each.topic}/{each.number} to be accepted to its end"
        return ""
