"""A circuit breaker: a system that keeps failing is left alone for a while, then asked once to see whether it is back.

Closed, it lets everything through; after some failures in a row it opens and names how long to wait; when that is over
one caller tries, and its result closes or reopens it, for twice as long each time, with full jitter. Pure: time and
chance come in. Put around providers and the model's endpoint by ``act``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dutyd.core.backoff import pause


@dataclass(slots=True)
class Breaker:
    """One system's breaker; used by one event loop.

    Attributes:
        chance: returns a number from 0 up to 1.
        failures: how many in a row open it.
        rest: seconds that it is open the first time, at most.
        longest: seconds that it is open at most, however often it failed.

    """

    chance: Callable[[], float]
    failures: int = 5
    rest: float = 5.0
    longest: float = 120.0
    _failed: int = 0
    _opened: int = 0
    _until: float | None = None
    _trying: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the system is left alone, or tried."""
        return self._until is not None

    def wait(self, now: float) -> float:
        """Return for how many seconds not to ask; 0: ask now, and say what came of it."""
        if self._until is None:
            return 0.0
        if now < self._until:
            return self._until - now
        if self._trying:
            return self.rest
        self._trying = True
        return 0.0

    def succeeded(self) -> None:
        """Take note that it answered."""
        self._failed = self._opened = 0
        self._until, self._trying = None, False

    def untried(self) -> None:
        """Take note that who was to ask did not, or was stopped: another one may try."""
        self._trying = False

    def failed(self, now: float, *, at_once: float | None = None) -> bool:
        """Take note that it did not answer; return whether that opened it.

        Args:
            now: seconds from any beginning.
            at_once: open now, for so many seconds: it said so itself, or a person has to act first.

        """
        self._failed += 1
        was_open = self.is_open
        if at_once is None and self._failed < self.failures and not self._trying:
            return False
        self._opened += 1
        jittered = pause(self._opened - 1, self.chance(), first=self.rest, longest=self.longest)
        self._until = now + (max(jittered, 0.1 * self.rest) if at_once is None else at_once)
        self._trying = False
        return not was_open
