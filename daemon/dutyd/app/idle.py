"""``run --until-idle``: knows when nothing is left to do, anywhere in the installation.

Asked of the broker and of Redis, never of this process's memory, so that other processes' work counts, too: every
source partition decided to the end offset asked just now, every trigger accepted, outboxes and outcomes empty, no
incident that goes on by itself. People, mutes, pauses and timers of rules are not waited for.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dutyd.act.accept import source_name
from dutyd.core.errors import NotReadyError
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.ledger import Ledger
from dutyd.stream.base import Stream

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
        """Return once it was idle for *seconds* without a break."""
        since: float | None = None
        while since is None or clock() - since < seconds:
            if await self._busy():
                since = None
            elif since is None:
                since = clock()
            await asyncio.sleep(LOOK_SECONDS)

    async def _busy(self) -> bool:
        if not self.assigned():
            return True
        try:
            return (
                await asyncio.to_thread(self._undecided)
                or await self._unaccepted()
                or await self.ledger.incidents.busy() > 0
                or await self.ledger.outcomes.count() > 0
            )
        except NotReadyError:
            return True

    def _undecided(self) -> bool:
        """Whether a source partition is not decided to its end, or a trigger waits in an outbox."""
        spans = self.stream.spans(self.sources)
        counts = {topic: sum(partition.topic == topic for partition in spans) for topic in self.sources}
        progress = self.checkpoint.progress(sorted({f"{counts[each.topic]}.{each.number}" for each in spans}))
        for partition, span in spans.items():
            decided = progress[f"{counts[partition.topic]}.{partition.number}"].offsets.get(partition.topic)
            if span.end > max(decided.offset if decided else 0, span.begin):
                return True
        return any(task.waiting for task in progress.values())

    async def _unaccepted(self) -> bool:
        spans = await asyncio.to_thread(self.stream.spans, [self.triggers])
        accepted = await self.ledger.incidents.accepted_offsets()
        return any(span.end > max(accepted.get(source_name(each), 0), span.begin) for each, span in spans.items())
