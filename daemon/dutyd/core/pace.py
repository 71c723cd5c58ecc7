"""A pace that is kept: at most so many a minute, a few at once. Pure: the time comes in."""

from dataclasses import dataclass

AT_ONCE_SECONDS = 10.0
"""What was not used of the last ten seconds may be used at once."""


@dataclass(slots=True)
class Pace:
    """A token bucket; used by one event loop."""

    per_minute: float
    _left: float | None = None
    _at: float = 0.0

    @property
    def at_once(self) -> float:
        """How many may come at once."""
        return max(1.0, self.per_minute * AT_ONCE_SECONDS / 60)

    def wait(self, now: float) -> float:
        """Take one and return 0, or return for how many seconds there is none; *now*: seconds from any beginning."""
        most = self.at_once
        left = most if self._left is None else min(most, self._left + (now - self._at) * self.per_minute / 60)
        self._at = now
        if left >= 1.0:
            self._left = left - 1.0
            return 0.0
        self._left = left
        return (1.0 - left) * 60 / self.per_minute
