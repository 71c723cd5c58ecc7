"""One sliding window of one entity: ``(time - seconds, time]``, kept as panes so that its memory does not grow with
the rate of events.

A pane is a 60th of the window, on a grid that is the same for everybody, so that a replay from anywhere builds the
same panes. A pane leaves as a whole when its oldest sample does: a window is exact while samples are rarer than panes,
and forgets at most a 60th of itself too early when they are denser. The total is always the sum of the panes from the
oldest to the newest, so that no error of floating point grows and none depends on when panes left. ``feeds`` owns the
windows.
"""

import math
from array import array
from functools import reduce
from typing import Final

import msgspec

from dutyd.evaluate.engine.compiled.fold import Fold

PANES: Final = 60
"""How many panes a window is cut into."""

_PANE: Final = 3
"""Numbers that a closed pane is kept as: time of its oldest sample, number of samples, their total."""


class AtRest(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What a window is made of, to go on from elsewhere.

    Attributes:
        numbers: three for each pane, the open one last; an ``Absence`` has two.
        before: of each series its sample before, where the window needs that: name, time, value.

    """

    numbers: list[float]
    before: list[tuple[str | None, float, float]] = []


class Window:
    """The samples of the last *seconds*, folded.

    Attributes:
        due: when the oldest pane leaves, seconds since the epoch; infinite when the window is empty.
        timer: when its owner will look at it; infinite when nobody will.
        loud_until: when the last sample leaves that may move a latch by leaving, or when others leave (``feeds``).
        reached: up to when the clock has let panes go.

    """

    __slots__ = (
        "_closed_count",
        "_closed_total",
        "_count",
        "_empty",
        "_end",
        "_first",
        "_join",
        "_panes",
        "_seconds",
        "_start",
        "_total",
        "due",
        "loud_until",
        "reached",
        "timer",
    )

    def __init__(self, fold: Fold, seconds: float) -> None:
        self._join = fold.join
        self._empty = self._closed_total = self._total = fold.empty
        self._seconds = seconds
        self._panes: array[float] | None = None
        self._closed_count = self._count = 0.0
        self._start = self._end = -math.inf
        self._first = self.due = self.timer = math.inf
        self.loud_until = self.reached = -math.inf

    def is_idle(self, now: float) -> bool:
        """Return whether nothing is lost when this is forgotten at *now*."""
        return self.due == math.inf and now > -math.inf

    def at_rest(self) -> AtRest:
        """Return what it is made of."""
        panes = [] if self._panes is None else self._panes.tolist()
        return AtRest([*panes, self._first, self._count, self._total] if self._count else panes)

    def wake(self, rest: AtRest) -> None:
        """Go on from *rest*, while nothing is in it."""
        *panes, first, count, total = rest.numbers or (math.inf, 0.0, self._empty)
        if panes:
            self._panes = array("d", panes)
            self._sum_up(self._panes)
        if count:
            self._start, self._end = _pane(first, self._seconds)
        self._first, self._count, self._total = first, count, total
        self._set_due()

    def reach(self, time: float) -> None:
        """Let go what has left by *time*, up to which the clock has come; once for each time, before samples since."""
        self.reached = time
        if self.due <= time:
            self.settle(time)

    def add(self, time: float, value: float, now: float) -> None:
        """Take a sample of *time*; *now* is the newest event time of the entity, so the sample may be late."""
        if now >= self.due:
            self.settle(now)
        if self._start <= time < self._end and time >= self._first:
            self._count += 1
            self._total = self._join(self._total, value)
        elif time + self._seconds <= now:
            return  # its pane is gone
        elif time >= self._end:
            self._open(time, value)
        elif time >= self._start:
            self._first = time
            self._count += 1
            self._total = self._join(self._total, value)
            self._set_due()
        else:
            self._add_late(time, value)

    def settle(self, now: float) -> None:
        """Let the panes go that have left the window at *now*."""
        panes, gone, seconds = self._panes, 0, self._seconds
        if panes:
            while gone < len(panes) and panes[gone] + seconds <= now:
                gone += _PANE
            if gone:
                del panes[:gone]
                self._sum_up(panes)
        if self._first + seconds <= now:
            self._count, self._total, self._first = 0.0, self._empty, math.inf
        self._set_due()

    def value(self, function: str) -> float | bool | None:
        """Return a function of what was in the window at the last ``settle``; None where it has no value."""
        samples = self._closed_count + self._count
        if function == "count":
            return samples
        if samples == 0:
            return 0.0 if function == "sum" else None
        total = self._join(self._closed_total, self._total)
        result = total / samples if function == "avg" else total / self._seconds if function == "rate" else total
        return result if -math.inf < result < math.inf else None

    def _open(self, time: float, value: float) -> None:
        """Close the open pane and begin the one that holds *time*."""
        if self._count:
            if self._panes is None:
                self._panes = array("d")
            self._panes.extend((self._first, self._count, self._total))
            self._closed_count += self._count
            self._closed_total = self._join(self._closed_total, self._total)
        self._start, self._end = _pane(time, self._seconds)
        self._first, self._count, self._total = time, 1.0, value
        if not self._panes:
            self.due = time + self._seconds

    def _add_late(self, time: float, value: float) -> None:
        """Add to the closed pane that holds *time*, or put a new one in its place."""
        panes = self._panes if self._panes is not None else array("d")
        start, end = _pane(time, self._seconds)
        at = next((at for at in range(0, len(panes), _PANE) if panes[at] >= start), len(panes))
        if at < len(panes) and panes[at] < end:
            total = self._join(panes[at + 2], value)
            panes[at : at + _PANE] = array("d", (min(time, panes[at]), panes[at + 1] + 1, total))
        else:
            panes[at:at] = array("d", (time, 1, value))
        self._panes = panes
        self._sum_up(panes)
        self._set_due()

    def _sum_up(self, panes: "array[float]") -> None:
        """Sum the closed panes anew, in their order: so it comes out as if they had been closed one by one."""
        self._closed_count = sum(panes[1::_PANE])
        self._closed_total = reduce(self._join, panes[2::_PANE], self._empty)

    def _set_due(self) -> None:
        self.due = (self._panes[0] if self._panes else self._first) + self._seconds


def _pane(time: float, seconds: float) -> tuple[float, float]:
    """Return where the pane that holds *time* starts and ends; the same answer from anywhere."""
    width = seconds / PANES
    number = time // width
    start, end = number * width, (number + 1) * width
    if time < start:  # rounding at a border
        return (number - 1) * width, start
    return (start, end) if time < end else (end, (number + 2) * width)
