"""After a loss: a ledger that came back without its data takes in what the outcomes topic remembers.

``accept`` asks before it goes on, at each assignment and every second: is this still the server that the ledger was
born on? Where it is not, every outcome is read again (ended effects, decisions, closed incidents), before any trigger
is. What the topic does not have yet stays unknown: the ledger notes when it was born, and effects of incidents that
are older are looked for before they are sent (``effects``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from dutyd.core.event import Record
from dutyd.ledger.birth import Adopted, Birth, Found, Noted, Since
from dutyd.stream.base import Partition

log = structlog.get_logger()

Committed = Callable[[Sequence[Partition]], Awaitable[Mapping[Partition, int | None]]]
"""Tells the offsets that the workers' group has committed."""

BATCH = 200


@dataclass(frozen=True, slots=True)
class Adoption:
    """Takes in what a ledger lost.

    Attributes:
        outcomes: yields every record of the outcomes topic; called in a thread.
        triggers: returns every partition of the triggers topic; called in a thread.
        fsynced: whether the server is proven to write to disk before it answers.

    """

    birth: Birth
    outcomes: Callable[[], Iterator[Record]]
    triggers: Callable[[], Sequence[Partition]]
    fsynced: bool

    async def make_whole(self, committed: Committed) -> Noted:
        """Bring the ledger up to what is known; return what is noted of it then, by whoever did it.

        Without its note the ledger is new where nobody ever accepted a trigger: *committed* tells what the group has
        committed.

        Raises:
            NotReadyError: Redis or the broker do not answer.

        """
        standing = await self.birth.look()
        if standing is Found.NONE and not await self._has_history(committed):
            await self.birth.born(Since.NEW)
        elif standing is not Found.SAME:
            await self._take_in(standing)
        return await self.birth.noted()

    async def _take_in(self, standing: Found) -> None:
        adopted = await self._adopt()
        # Writing to disk does not help where an older copy of the data was put back: what it lacks tells.
        older = adopted.forgotten or await self.birth.lacks_sends()
        if standing is Found.RESTARTED and self.fsynced and not older:
            await self.birth.born(Since.KEPT)
            return
        if await self.birth.born(Since.LOST):
            log.error(
                "Redis lost data of the ledger: older effects are looked for before they are sent", adopted=adopted.new
            )

    async def _has_history(self, committed: Committed) -> bool:
        offsets = await committed(await asyncio.to_thread(self.triggers))
        return any(each is not None for each in offsets.values()) or await asyncio.to_thread(
            lambda: any(True for _ in self.outcomes())
        )

    async def _adopt(self) -> Adopted:
        newest = await asyncio.to_thread(self._newest)
        records = list(newest.items())
        parts = [await self.birth.adopt(records[at : at + BATCH]) for at in range(0, len(records), BATCH)]
        return sum(parts, Adopted())

    def _newest(self) -> dict[bytes, bytes]:
        """Return the newest record of each key: the topic may not be compacted yet."""
        found: dict[bytes, bytes] = {}
        for record in self.outcomes():
            if record.key is not None and record.value is not None:
                found[record.key] = record.value
            elif record.key is not None:
                found.pop(record.key, None)
        return found
