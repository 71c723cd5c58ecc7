"""The dead man's switch: an address that is called while evaluation moves, so that silence is an alarm elsewhere.

``app`` runs ``Heartbeat.run`` in the event loop beside everything else; the evaluator's thread never waits for it. It
asks ``stands`` why evaluation does not move; while there is a reason, the address is not called. Each change is
logged once, each call is counted. The address is a secret and is never logged.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
import structlog

from dutyd.core.metrics import HEARTBEATS, LAST_HEARTBEAT
from dutyd.ops.pace import stays

log = structlog.get_logger()

PATIENCE = 10.0
"""Seconds that one call may take."""


@dataclass(slots=True)
class Heartbeat:
    """Calls *url* every *every* seconds.

    Attributes:
        stands: says why evaluation stands still, empty while it moves; called in a thread of its own.

    """

    url: str
    every: float
    stands: Callable[[], str]
    _said: str = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until *stop*."""
        async with httpx2.AsyncClient(timeout=PATIENCE) as client:
            while await stays(stop, self.every):  # waits first: what dies again and again at once does not move
                await self.beat(client)

    async def beat(self, client: httpx2.AsyncClient) -> None:
        """Call once, if evaluation moves."""
        if why := await asyncio.to_thread(self.stands):
            HEARTBEATS.labels("held").inc()
            return self._say(f"evaluation stands still: {why}", "the heartbeat is held")
        try:
            answer = await client.get(self.url)
            trouble = f"its receiver answered {answer.status_code}" if answer.is_error else ""
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop what it watches
            trouble = f"its receiver can't be reached: {type(error).__name__}"  # its text may hold the address
        if trouble:
            HEARTBEATS.labels("failed").inc()
            return self._say(trouble, "the heartbeat failed")
        HEARTBEATS.labels("sent").inc()
        LAST_HEARTBEAT.set_to_current_time()
        return self._say("", "the heartbeat goes out again" if self._said else "the heartbeat goes out")

    def _say(self, why: str, event: str) -> None:
        """Log what has changed since the last time."""
        kind = why.partition(":")[0] or "fine"
        if kind != self._said:
            (log.warning if why else log.info)(event, **({"why": why} if why else {}))
            self._said = kind
