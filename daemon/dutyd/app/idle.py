"""``run --until-idle``: knows when nothing is left to do, anywhere in the installation.

Asked of the broker and of Redis, never of this process's memory, so that other processes' work counts, too: every
source partition decided to the end offset asked just now, every trigger accepted, outboxes and outcomes empty, no
incident that goes on by itself. People, mutes, pauses and timers of rules are not waited for.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from dutyd.act.accept import source_name
from dutyd.core.errors import NotReadyError
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.ledger import Ledger
from dutyd.stream.base import Stream

log = structlog.get_logger()

LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Idle:
    """Looks whether there is nothing left to do.

    Attributes:
        sources: real names of the source topics.
        triggers: real name of the triggers topic.
        assigned: whether this process was ever given its partitions.

    """

    stream: Stream
    checkpoint: Checkpoint
    ledger: Ledger
    sources: Sequence[str]
    triggers: str
    assigned: Callable[[], bool]

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
        """Return which source partition is not decided to its end, or whose triggers wait in an outbox."""
        spans = self.stream.spans(self.sources)
        counts = {topic: sum(partition.topic == topic for partition in spans) for topic in self.sources}
        progress = self.checkpoint.progress(sorted({f"{counts[each.topic]}.{each.number}" for each in spans}))
        for partition, span in spans.items():
            task = progress[f"{counts[partition.topic]}.{partition.number}"]
            decided = task.offsets.get(partition.topic)
            if span.end > max(decided.offset if decided else 0, span.begin):
                return f"{partition.topic}/{partition.number} to be decided to its end"
            if task.waiting:
                return f"triggers of {partition.topic}/{partition.number} to be produced"
        return ""

    async def _unaccepted(self) -> str:
        spans = await asyncio.to_thread(self.stream.spans, [self.triggers])
        accepted = await self.ledger.incidents.accepted_offsets()
        for each, span in spans.items():
            if span.end > max(accepted.get(source_name(each), 0), span.begin):
                return f"{each.topic}/{each.number} to be accepted to its end"
        return ""
