"""Outages in the log: loops that try again and again tell one when it begins, now and then, and when it is over.

Each loop of the worker has an ``Outage`` of its own. A loop looks ten times a second; an hour without Redis must not be
a log of nothing else.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

AGAIN_SECONDS = 60.0
"""So often the same reason is told again."""

log = structlog.get_logger()


@dataclass(slots=True)
class Outage:
    """What a loop can't do at times: *cannot* says so in the log, *can* that it can again, *context* is in both."""

    cannot: str
    can: str
    context: dict[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _reason: str = ""
    _told: float = 0.0

    def lasts(self, error: Exception) -> None:
        """Take note that it could not be done because of *error*."""
        reason, now = str(error), self.clock()
        if reason != self._reason or now - self._told >= AGAIN_SECONDS:
            log.warning(self.cannot, error=reason, **self.context)
            self._reason, self._told = reason, now

    def is_over(self) -> None:
        """Take note that it was done."""
        if self._reason:
            log.info(self.can, **self.context)
            self._reason = ""
