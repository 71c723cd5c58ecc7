"""Windows that remember more than their samples: ``rate`` and ``delta`` the sample before, ``absent`` the last one.

``Differences`` turns the samples of counters, one or one for each series, into how far they moved, and sums that up in
panes as any window does. ``Absence`` needs no panes: the field was last seen at one time. Both have what ``feeds`` and
``samples`` ask of a window.
"""

import math
from typing import Final

import msgspec

from dutyd.evaluate.engine.compiled.fold import Fold
from dutyd.evaluate.engine.windows.window import AtRest, Window

MOST_SERIES: Final = 1_000
"""Series of one entity and window that are followed; samples of more are not taken, and counted as overflow."""


class Differences(Window):
    """The changes of one number, or of one for each series, within the last *seconds*.

    A series of which nothing came for *seconds* begins anew: its first sample changes nothing, as for every new one. A
    sample older than the one before of its series is not taken.
    """

    __slots__ = ("_before", "_rises")

    def __init__(self, seconds: float, *, rises: bool) -> None:
        """*rises*: the numbers are counters, so that a fall is a start from 0."""
        super().__init__(Fold.SUM, seconds)
        self._before: dict[str | None, tuple[float, float]] = {}
        self._rises = rises

    def difference(self, time: float, value: float, series: str | None) -> float | None:
        """Return how far *series* moved, and remember where it is; None where that is not known.

        Raises:
            OverflowError: there are too many series.

        """
        before = self._before.get(series)
        if before is not None and time < before[0]:
            return None
        if before is None and len(self._before) >= MOST_SERIES:
            self._forget(time)
        self._before[series] = (time, value)
        if before is None or before[0] + self._seconds <= time:
            return None
        change = value - before[1]
        return value if self._rises and change < 0 else change

    def at_rest(self) -> AtRest:
        """See ``Window.at_rest``."""
        before = [(series, *at) for series, at in self._before.items()]
        return msgspec.structs.replace(super().at_rest(), before=before)

    def wake(self, rest: AtRest) -> None:
        """See ``Window.wake``."""
        super().wake(rest)
        self._before = {series: (time, value) for series, time, value in rest.before}

    def _forget(self, now: float) -> None:
        self._before = {each: at for each, at in self._before.items() if at[0] + self._seconds > now}
        if len(self._before) >= MOST_SERIES:
            raise OverflowError

    def is_idle(self, now: float) -> bool:
        """Return whether the samples before are too old, too."""
        newest = max((time for time, _ in self._before.values()), default=-math.inf)
        return super().is_idle(now) and newest + self._seconds <= now


class Absence(Window):
    """Whether the last sample is *seconds* old.

    Attributes:
        last: when it came; where none did, when the entity was first heard of.

    """

    __slots__ = ("last",)

    def __init__(self, seconds: float) -> None:
        super().__init__(Fold.SUM, seconds)
        self.last = -math.inf

    def at_rest(self) -> AtRest:
        """See ``Window.at_rest``."""
        return AtRest([self.last, self.due])

    def wake(self, rest: AtRest) -> None:
        """See ``Window.wake``."""
        self.last, self.due = rest.numbers

    def add(self, time: float, value: float, now: float) -> None:
        """Take a sample of *time*; *value* says nothing."""
        del value
        self.last = max(self.last, time)
        self.due = self.last + self._seconds
        self.settle(now)

    def settle(self, now: float) -> None:
        """Let time go on to *now*."""
        if self.due <= now:
            self.due = math.inf

    def value(self, function: str) -> bool:
        """Return whether it is absent at the last ``settle``."""
        del function
        return self.due == math.inf

    def is_idle(self, now: float) -> bool:
        """An entity that was heard of once is absent until it is heard of again."""
        del now
        return False
