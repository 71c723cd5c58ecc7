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
from dutyd.evaluate.status import Progressing
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
        decided: how far every source partition is decided, and how many triggers wait (``evaluate``).
        ready: whether this process has been assigned its partitions.

    """

    stream: Stream
    ledger: Ledger
    sources: Sequence[str]
    triggers: str
    decided: Callable[[], Progressing]
    ready: Callable[[], bool]

    async def wait(self, seconds: float, clock: Callable[[], float]) -> None:
        """Return once it was idle for *seconds* without a break."""
        since: float | None = None
        while since is None or clock() - since < seconds:
            why = await self._busy_with()
            if why:
                since = None
            elif since is None:
                since = clock()
            await asyncio.sleep(LOOK_SECONDS)

    async def _busy_with(self) -> str:
        if not self.ready():
            return "no partitions yet"
        try:
            for look in (self._undecided, self._unaccepted, self._unfinished):
                if why := await look():
                    return why
        except NotReadyError as error:
            return str(error)
        return ""

    async def _undecided(self) -> str:
        spans = await asyncio.to_thread(self.stream.spans, self.sources)
        progress = await asyncio.to_thread(self.decided)
        for partition, span in spans.items():
            if span.end > max(progress.offsets.get(partition, 0), span.begin):
                return f"{partition} is not decided to its end"
        return "triggers wait in an outbox" if progress.waiting else ""

    async def _unaccepted(self) -> str:
        spans = await asyncio.to_thread(self.stream.spans, [self.triggers])
        accepted = await self.ledger.incidents.accepted_offsets()
        for partition, span in spans.items():
            if span.end > max(accepted.get(source_name(partition), 0), span.begin):
                return f"{partition} is not accepted to its end"
        return ""

    async def _unfinished(self) -> str:
        if await self.ledger.incidents.busy():
            return "incidents are in work"
        return "outcomes wait" if await self.ledger.outcomes.count() else ""
