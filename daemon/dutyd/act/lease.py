"""A claim's lease, kept alive while work goes on, and watched on a monotonic clock.

The ledger's clock decides who owns an incident; this one only answers, before bytes leave, whether our own lease can
still be trusted. It errs to the safe side: time is counted from before the renewal was asked.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from dutyd.core.errors import NotReadyError
from dutyd.ledger.claims import Claim, Hold
from dutyd.ledger.incidents import Incidents

log = structlog.get_logger()


@dataclass(slots=True)
class Lease:
    """The lease of one claim.

    Attributes:
        seconds: how long each renewal lasts.
        started: monotonic time just before the claim was asked for.
        cleared: set when the incident cleared meanwhile.

    """

    incidents: Incidents
    claim: Claim
    seconds: float
    started: float
    clock: Callable[[], float] = time.monotonic
    cleared: asyncio.Event = field(default_factory=asyncio.Event)
    _until: float = 0.0
    _lost: bool = False

    def __post_init__(self) -> None:
        self._until = self.started + self.seconds

    def lasts(self) -> bool:
        """Whether it is surely still ours."""
        return not self._lost and self.clock() < self._until

    async def keep(self) -> None:
        """Renew it every third of its length, until ``end`` or lost. A cancel alone may be swallowed below."""
        while not self._lost:
            await asyncio.sleep(self.seconds / 3)
            await self.renew()

    async def renew(self) -> None:
        """Renew it once; where the ledger does not answer it ends when it would have."""
        before = self.clock()
        try:
            hold = await self.incidents.renew(self.claim, self.seconds)
        except NotReadyError as error:
            log.warning("lease could not be renewed", incident=self.claim.id, error=str(error))
            return
        self.saw(hold)
        if hold is not Hold.LOST:
            self._until = before + self.seconds

    def end(self) -> None:
        """Renew it no more: the incident is about to be given back."""
        self._lost = True

    def saw(self, hold: Hold) -> None:
        """Take in what the ledger said of our claim."""
        if hold is Hold.LOST:
            self._lost = True
        elif hold is Hold.CLEARED:
            self.cleared.set()
