"""The windows of a view: fed with an event's values, read by conditions.

``View`` feeds for every event that its rules see, late ones too; generated code and evidence read. A window is
*unknown* as long as it reaches back to before anything was read of it: since the task's ``known_since``, or since the
rules asked for it first.
"""

import math

from dutyd.core.event import Event
from dutyd.core.expr.operators import number
from dutyd.evaluate.engine.aggregates import Aggregate, Aggregates
from dutyd.evaluate.engine.tracks import PANE, Clock, Timer, Track
from dutyd.evaluate.engine.windows import Window


class Samples:
    """The samples of one view.

    Attributes:
        aggregates: what is summed up.
        since: each aggregate to the event time since which all its samples are here.

    """

    __slots__ = ("_clock", "_known", "_sources", "aggregates", "since")

    def __init__(self, aggregates: Aggregates, clock: Clock, since: dict[Aggregate, float]) -> None:
        self.aggregates = aggregates
        self.since = since
        self._clock = clock
        self._sources = aggregates.sources
        self._known = [since[each] + each.seconds for each in aggregates.all]

    @property
    def settling(self) -> float:
        """Until when some window is unknown; minus infinity where none is."""
        return max(self._known, default=-math.inf)

    def settled(self, newest: float, time: float) -> list[int]:
        """Return the aggregates whose windows became known after *newest*, up to *time*."""
        return [at for at, known in enumerate(self._known) if newest < known <= time]

    def read(self, window_number: int, track: Track | None, time: float) -> float | None:
        """Return the value of window *window_number* at *time*; None: unknown. Without a track everything is empty."""
        at, function = self._sources[window_number]
        if time < self._known[at]:
            return None
        window = track.windows.get(at) if track is not None else None
        if window is None:
            return 0.0 if function in ("count", "sum") else None
        if time >= window.due:
            window.settle(time)
        return window.value(function)

    def takes(self, at: int, event: Event, newest: float) -> bool:
        """Return whether *event* is a sample of aggregate *at* that is not too old to count."""
        aggregate = self.aggregates.all[at]
        passes = self.aggregates.filters[at]
        if aggregate.field is not None:
            value = event.fields.get(aggregate.field)
            if value.__class__ is not float and number(value) is None:
                return False
        return event.time + aggregate.seconds > newest and (passes is None or passes(event.fields.get) is True)

    def add(self, at: int, track: Track, event: Event, newest: float) -> None:
        """Add *event*, which it takes, to the window of aggregate *at*."""
        aggregate = self.aggregates.all[at]
        window = track.windows.get(at)
        if window is None:
            window = track.windows[at] = Window(aggregate.fold, aggregate.seconds)
        value = 1.0 if aggregate.field is None else float(event.fields[aggregate.field])
        window.add(event.time, value, newest)
        if window.due < window.timer:
            window.timer = window.due
            self._clock.set(track, Timer(window.due, PANE, at))

    def windows(self, track: Track) -> dict[Aggregate, Window]:
        """Return the windows of *track* by what they sum up."""
        return {self.aggregates.all[at]: window for at, window in track.windows.items()}

    def adopt(self, track: Track, windows: dict[int, Window]) -> None:
        """Give *track* windows that another one had, with their timers."""
        track.windows = windows
        for at, window in windows.items():
            window.timer = window.due
            self._clock.set(track, Timer(window.due, PANE, at))

    def leave(self, timer: Timer, track: Track) -> bool:
        """Let the panes go that are due; return whether any was."""
        window = track.windows.get(timer.number)
        if window is None or window.timer != timer.due:
            return False
        left = window.due <= timer.due
        if left:
            window.settle(timer.due)
        window.timer = window.due
        if window.due < math.inf:
            self._clock.set(track, Timer(window.due, PANE, timer.number))
        else:
            del track.windows[timer.number]
        return left
