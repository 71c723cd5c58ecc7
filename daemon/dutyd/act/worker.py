"""The worker process: three loops side by side, and a lease around each incident in work.

Triggers are accepted (``accept``), due incidents are claimed here and worked by ``path``, outcomes are written
(``outcomes``). An incident whose worker dies is simply due again when its lease ends. One boundary for each incident
catches what nobody expected. ``app`` makes one worker for each process.
"""

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from dutyd.act.accept import Acceptor
from dutyd.act.episode import Rest
from dutyd.act.lease import Lease
from dutyd.act.means import Means
from dutyd.act.outages import Outage
from dutyd.act.outcomes import Writer
from dutyd.act.path import work
from dutyd.core.errors import NotReadyError
from dutyd.ledger.claims import Claim, Waiting
from dutyd.ledger.effects import LostError

log = structlog.get_logger()

IDLE_SECONDS = 0.1
"""How long a worker with nothing to do waits before it looks at the ledger again, unless it is woken."""

NOT_READY = 3
"""As after so many tries an incident waits for a world that is not ready."""


@dataclass(slots=True)
class Worker:
    """One worker process.

    Attributes:
        writers: produce what the ledger has for topics: outcomes, and what people decided.
        name: of this process, for people who look at leases.
        lease: seconds that a claim lasts without being renewed.
        slots: incidents that may be worked at the same time: more than runs have places, so that pages find one.
        grace: seconds that running work gets to come to rest at shutdown.

    """

    means: Means
    acceptor: Acceptor
    writers: Sequence[Writer]
    name: str
    lease: float = 15.0
    slots: int = 128
    grace: float = 20.0
    clock: Callable[[], float] = time.monotonic
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def wake(self) -> None:
        """Look for due incidents at once: called when triggers came in."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Accept, work and write outcomes until *stop*; then let running work come to rest."""
        self.acceptor.accepted = self.wake
        working_stopped = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.acceptor.run(stop))
            for writer in self.writers:
                group.create_task(writer.run(working_stopped))
            await self._claim_until(stop)
            await self._drain()
            working_stopped.set()

    async def _claim_until(self, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        outage = Outage("incidents can't be claimed now", "incidents are claimed again", clock=self.clock)
        while not stop.is_set():
            self._wake.clear()
            started = self.clock()
            try:
                claims = await self._claim()
                outage.is_over()
            except NotReadyError as error:
                outage.lasts(error)
                claims = []
            for claim in claims:
                lease = Lease(self.means.ledger.incidents, claim, self.lease, started, self.clock)
                task = asyncio.create_task(self._hold(claim, lease), name=claim.id)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if not claims:
                waking = asyncio.create_task(self._wake.wait())
                await asyncio.wait({waking, stopping}, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
        stopping.cancel()

    async def _claim(self) -> list[Claim]:
        free = self.slots - len(self._tasks)
        return await self.means.ledger.incidents.claim(self.name, self.lease, free) if free > 0 else []

    async def _hold(self, claim: Claim, lease: Lease) -> None:
        """Work under a lease that is kept alive, and give the incident back whatever happens."""
        keeping = asyncio.create_task(lease.keep())
        with structlog.contextvars.bound_contextvars(incident=claim.id, rule=claim.rule):
            try:
                rest = await self._guarded(claim, lease)
                lease.end()
                if rest is not None:
                    await self._give_back(claim, rest)
            except NotReadyError as error:
                log.warning("incident could not be given back; it is due again when its lease ends", error=str(error))
            finally:
                lease.end()
                keeping.cancel()
        self.wake()

    async def _give_back(self, claim: Claim, rest: Rest) -> None:
        incidents = self.means.ledger.incidents
        if rest.mute is not None:
            await incidents.mute(claim, rest.mute, rest.due or 0.0)
        else:
            await incidents.rest(claim, rest.waiting, rest.due, close=rest.close)

    async def _guarded(self, claim: Claim, lease: Lease) -> Rest | None:
        """The boundary: what is not ready waits, what is lost is let go, what nobody expected waits for a person."""
        try:
            return await work(self.means, claim, lease)
        except LostError:
            log.warning("this incident is not ours any more: another worker has it, or Redis was started again")
            return None
        except NotReadyError as error:
            log.warning("the world is not ready", error=str(error))
            return Rest(Waiting.RETRY, self.means.pause(NOT_READY, error.retry_after))
        except Exception:  # the one boundary for each incident: parked with its traceback, never a crash loop
            log.exception("incident parked: something unexpected happened")
            await self.means.ledger.incidents.note_trouble(claim, traceback.format_exc())
            return Rest(Waiting.PERSON)

    async def _drain(self) -> None:
        """Give running work its grace; what is still busy then is due again when its lease ends."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
