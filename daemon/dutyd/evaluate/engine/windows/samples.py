"""The windows of a view as conditions read them: by number, settled at the time of the decision, or unknown.

Generated code and evidence read here; ``feeds`` adds samples, ``timing`` lets panes go. A window is
*unknown* as long as it reaches back to before anything was read of it: since the task's ``known_since``, or since the
rules asked for it first.
"""

import math
from typing import Final, NamedTuple

from dutyd.core.expr.tree import Window as WindowNode
from dutyd.evaluate.engine.compiled.aggregates import Aggregate, Aggregates
from dutyd.evaluate.engine.windows.series import Absence
from dutyd.evaluate.engine.windows.tracks import PANE, REAP, Clock, Track
from dutyd.evaluate.engine.windows.window import Window


class Begun(NamedTuple):
    """Since when all samples of an aggregate are here.

    Attributes:
        time: event time, seconds since the epoch; minus infinity: since ever.
        offset: of the first record that it takes anything from.

    """

    time: float
    offset: int


EVER: Final = Begun(-math.inf, 0)


class Samples:
    """The samples of one view.

    Attributes:
        aggregates: what is summed up.
        begun: since when all samples of each are here.
        known: by number, the event time from which on an aggregate's windows are known.

    """

    __slots__ = ("_clock", "_longest", "_sources", "aggregates", "begun", "known")

    def __init__(self, aggregates: Aggregates, clock: Clock, begun: dict[Aggregate, Begun]) -> None:
        self.aggregates = aggregates
        self.begun = begun
        self._clock = clock
        self._sources = aggregates.sources
        self._longest = max((each.seconds for each in aggregates.all), default=0.0)
        self.known = [begun[each].time + each.seconds for each in aggregates.all]

    @property
    def settling(self) -> float:
        """Until when some window is unknown; minus infinity where none is."""
        return max(self.known, default=-math.inf)

    def settled(self, newest: float, time: float) -> list[int]:
        """Return the aggregates whose windows became known after *newest*, up to *time*."""
        return [at for at, known in enumerate(self.known) if newest < known <= time]

    def read(self, window_number: int, track: Track | None, time: float) -> float | bool | None:
        """Return the value of window *window_number* at *time*; None: unknown. Without a track everything is empty."""
        at, function = self._sources[window_number]
        if time < self.known[at]:
            return None
        window = track.windows.get(at) if track is not None else None
        if window is None:
            return 0.0 if function in ("count", "sum") else None
        if window.reached < self._clock.reached:
            window.reach(self._clock.reached)
        if time >= window.due:
            window.settle(time)
        return window.value(function)

    def windows(self, track: Track) -> dict[int, Window]:
        """Return the windows of *track* in which something is, by the number of what they sum up."""
        for window in track.windows.values():
            window.reach(self._clock.reached)
        return {at: window for at, window in track.windows.items() if not window.is_idle(track.newest)}

    def seen(self, track: Track) -> dict[WindowNode, float]:
        """Return when the fields of the ``absent`` windows of *track* were last seen."""
        found = {at: window.last for at, window in track.windows.items() if isinstance(window, Absence)}
        numbered = [(node, self._sources[number][0]) for node, number in self.aggregates.numbers.items()]
        return {node: found[at] for node, at in numbered if at in found}

    def restore(self, track: Track, node: WindowNode, last: float) -> None:
        """Give *track* the window *node*, an ``absent``, whose field was last seen at *last*."""
        number = self.aggregates.numbers.get(node)
        at = -1 if number is None else self._sources[number][0]
        if at >= 0 and at not in track.windows:
            window = Absence(self.aggregates.all[at].seconds)
            window.add(last, 1.0, track.newest)
            self.place(track, at, window)
            track.keep(None)  # the next event, or the one that is read again, is judged when the timer is due
            self.watch(track, at, window)

    def adopt(self, track: Track, windows: dict[int, Window]) -> None:
        """Give *track* windows that another one had; other rules read them, for which any sample may be loud."""
        track.keep(track.last)
        for at, window in windows.items():
            self.place(track, at, window)
            window.reached = self._clock.reached
            window.loud_until = track.newest + self.aggregates.all[at].seconds
            self.watch(track, at, window)

    def place(self, track: Track, at: int, window: Window) -> None:
        """Give *track* a window of aggregate *at*."""
        if not track.windows:
            self._clock.set(track, (track.newest + self._longest, REAP, 0))
        track.windows[at] = window

    def watch(self, track: Track, at: int, window: Window) -> None:
        """Have the clock look at *window* when its oldest pane leaves."""
        window.timer = window.due
        if window.due < math.inf:
            self._clock.set(track, (window.due, PANE, at))

    def reap(self, track: Track, due: float) -> None:
        """Let go of the windows of *track* that are empty at *due*, and look again later where some are not."""
        for at, window in list(track.windows.items()):
            if window.due <= due:
                window.settle(due)
            if window.is_idle(due):
                del track.windows[at]
        if track.windows:
            self._clock.set(track, (due + self._longest, REAP, 0))
        elif not track.timers:
            track.view.forget_snapshot(track)
