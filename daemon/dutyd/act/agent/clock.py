"""The run's clock: how long it has taken, and how it waits. Passed in, so that tests have their own."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds from any beginning, and a way to wait."""

    def now(self) -> float:
        """Return seconds since some fixed moment; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Return the monotonic time, in seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)
