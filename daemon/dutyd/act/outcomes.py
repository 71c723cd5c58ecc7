"""From the ledger to a topic: outcomes (one whole record per ended effect, per decision, per closed incident), and
what people decided.

The ledger keeps each until it was produced and acknowledged, so a crash in between produces it again, under the same
key.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from dutyd.act.outages import Outage
from dutyd.core.errors import NotReadyError
from dutyd.stream.base import Producer


class Pending(Protocol):
    """Records of the ledger that wait to be produced, by their key."""

    async def pending(self) -> dict[bytes, bytes]:
        """Return some of them."""
        ...

    async def drop(self, produced: dict[bytes, bytes]) -> None:
        """Forget what was produced."""
        ...


@dataclass(frozen=True, slots=True)
class Writer:
    """Produces what is pending to *topic*."""

    records: Pending
    producer: Producer
    topic: str
    every: float = 0.25

    async def run(self, stop: asyncio.Event) -> None:
        """Produce until *stop*, and once more after it."""
        outage = Outage("records can't be written now", "records are written again", {"topic": self.topic})
        while not stop.is_set():
            try:
                await self.turn()
                outage.is_over()
            except NotReadyError as error:
                outage.lasts(error)
                await asyncio.sleep(1.0)
            await asyncio.sleep(self.every)
        with contextlib.suppress(NotReadyError):  # the ledger keeps them: whoever runs next produces them
            await self.turn()

    async def turn(self) -> None:
        """Produce what is pending, wait for the acknowledgement, forget it."""
        pending = await self.records.pending()
        if not pending:
            return
        await asyncio.to_thread(self._produce, pending)
        await self.records.drop(pending)

    def _produce(self, pending: Mapping[bytes, bytes]) -> None:
        for key, value in pending.items():
            self.producer.send(self.topic, value, key=key)
        self.producer.flush()
