"""A pace that all processes keep together: a system limits a credential, and not the processes that use it.

The ledger counts (``ledger.paces``). Where Redis does not answer, this process keeps the pace by itself: a page must
not wait for who counts pages. Made by ``app.pacing``, asked by ``guard`` before each request.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dutyd.core.errors import NotReadyError
from dutyd.core.pace import Pace
from dutyd.ledger.paces import Paces


@dataclass(slots=True)
class SharedPace:
    """The pace of one credential.

    Attributes:
        credential: its name in the ledger, which does not show it.

    """

    credential: str
    per_minute: float
    paces: Paces
    clock: Callable[[], float] = time.monotonic
    _own: Pace = field(init=False)

    def __post_init__(self) -> None:
        self._own = Pace(self.per_minute)

    async def wait(self) -> float:
        """Take one request and return 0, or return for how many seconds there is none."""
        try:
            return await self.paces.wait(self.credential, self.per_minute, self._own.at_once)
        except NotReadyError:
            return self._own.wait(self.clock())
