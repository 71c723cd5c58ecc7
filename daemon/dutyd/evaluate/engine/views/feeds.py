"""From an event to a window: ``Feed`` adds samples of one aggregate, and says which tables that may touch.

``View`` calls the feeds of the fields that an event has, late events too. For tables that compare the window with
constants the guard is here, as ``View`` has it for fields: most samples leave a window within the band. And most are
*quiet*: however many panes leave, samples like them never take the window out of the band (an average of numbers below
1,000 is below 1,000). As long as a window holds no other, and all latches that read it are inactive, nobody needs to
look at it when a pane leaves: it has no timer, and its entity's last event is not kept. So most windows are cheap.
"""

import math
from typing import TYPE_CHECKING, Final

from dutyd.core.event import Event
from dutyd.core.expr.operators import number
from dutyd.evaluate.engine.compiled.touch import EVERYTHING, NOTHING, Band
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.views.tables import NumberTable, Table
from dutyd.evaluate.engine.windows.tracks import Track
from dutyd.evaluate.engine.windows.window import Window

if TYPE_CHECKING:
    from dutyd.evaluate.engine.views.view import View

Todo = dict[Table, None]
"""Tables to judge, each once, in order."""

ROUNDING: Final = 1e-6
"""An average may differ from the exact one by this part of it, and by far less for fewer than a billion samples."""


class Feed:
    """Samples of one aggregate.

    Attributes:
        at: its number.
        seconds: how long its windows are.
        view: whose it is.
        readers: the tables that read its windows.

    """

    __slots__ = (
        "_fold",
        "_guarded",
        "_known",
        "_passes",
        "_quiet_high",
        "_quiet_low",
        "_touched",
        "at",
        "readers",
        "seconds",
        "view",
    )

    def __init__(self, at: int, view: "View") -> None:
        """Feed aggregate *at* of *view*."""
        aggregate, self._passes = view.plan.aggregates.all[at], view.plan.aggregates.filters[at]
        self.at = at
        self.seconds, self._fold = aggregate.seconds, aggregate.fold
        self._known = view.samples.known[at]
        self.view = view
        self.readers: list[Table] = []
        self._touched: list[Table] = []
        self._guarded: list[NumberTable] = []
        self._quiet_low, self._quiet_high = -math.inf, math.inf

    def join(self, table: Table) -> None:
        """Tell *table*, which reads the windows, when they change."""
        self.readers.append(table)
        quiet = NOTHING
        if isinstance(table, NumberTable):
            self._guarded.append(table)
            quiet = quiet_samples(table.function, table.band)
        elif self.at in table.plan.samples:
            self._touched.append(table)
        self._quiet_low, self._quiet_high = max(self._quiet_low, quiet.low), min(self._quiet_high, quiet.high)

    def take(self, event: Event, key: Key, value: object, newest: float, todo: Todo) -> bool:
        """Add a sample, if it is one and not too old, and put the tables that this touches into *todo*.

        Args:
            event: judged or late.
            key: its entity.
            value: of the event's field.
            newest: the entity's newest event time, this event's if it is not late.
            todo: tables to judge.

        """
        sample = value if isinstance(value, float) else number(value)
        time = event.time
        if sample is None or time + self.seconds <= newest or (self._passes is not None and not self.allows(event)):
            return False
        view = self.view
        track = view.tracks.get(key) or view.new_track(key, event, newest)
        if track is None:
            return False
        window = track.windows.get(self.at)
        if window is None:
            window = Window(self._fold, self.seconds)
            view.samples.place(track, self.at, window)
        if window.reached < view.topic.clock.reached:
            window.reach(view.topic.clock.reached)
        window.add(time, sample, newest)
        if self._guard(window, key, time, todo) or not self._quiet_low <= sample <= self._quiet_high:
            window.loud_until = max(window.loud_until, time + self.seconds)
            if window.due < window.timer:
                track.keep(event if time == newest else None)
                view.samples.watch(track, self.at, window)
        for table in self._touched:
            todo[table] = None
        return True

    def track(self, event: Event, key: Key, newest: float) -> Track | None:
        """Return what is remembered of *key*, None where there is no room for it."""
        return self.view.tracks.get(key) or self.view.new_track(key, event, newest)

    def put(self, window: Window, track: Track, event: Event, sample: float, newest: float) -> None:
        """Add a sample whose leaving is looked at in any case."""
        if window.reached < self.view.topic.clock.reached:
            window.reach(self.view.topic.clock.reached)
        window.add(event.time, sample, newest)
        window.loud_until = max(window.loud_until, event.time + self.seconds)
        if window.due < window.timer:
            track.keep(event if event.time == newest else None)
            self.view.samples.watch(track, self.at, window)

    def touch(self, window: Window, track: Track, time: float, todo: Todo) -> None:
        """Put the tables that a sample touches into *todo*."""
        self._guard(window, track.key, time, todo)
        for table in self._touched:
            todo[table] = None

    def leave(self, track: Track, due: float, todo: Todo) -> None:
        """Let the panes of *track* go that are *due*, and put the tables that this touches into *todo*."""
        window = track.windows.get(self.at)
        if window is None or window.timer != due:  # another timer was set since
            return
        beyond = False
        if window.due <= due:
            window.settle(due)
            beyond = self._guard(window, track.key, due, todo)
            for table in self.readers:
                if not isinstance(table, NumberTable):
                    todo[table] = None
        window.timer = math.inf
        if window.is_idle(due):
            del track.windows[self.at]
        elif beyond or window.due <= window.loud_until:
            self.view.samples.watch(track, self.at, window)

    def _guard(self, window: Window, key: Key, time: float, todo: Todo) -> bool:
        """Put the tables that compare *window* with constants into *todo* where its value is beyond their bands.

        Returns whether it is; while it is unknown they are asked, too, to count that.
        """
        beyond = False
        for table in self._guarded:
            if table.is_beyond(window.value(table.function), key):
                beyond = True
                todo[table] = None
            elif time < self._known:
                todo[table] = None
        return beyond

    def allows(self, event: Event) -> bool:
        """Return whether the filter lets *event* through."""
        try:
            return self._passes is None or self._passes(event.fields.get) is True
        except Exception as error:  # noqa: BLE001  # a filter that fails must not stop the others
            for table in self.readers:
                for runner in table.runners:
                    runner.fail(error)
            return False


def quiet_samples(function: str, band: Band) -> Band:
    """Return the samples that a window of *function* can't leave *band* by, whichever of them are in it."""
    match function:
        case "avg" | "min" | "max":
            low, high = band
            return Band(
                low if low == -math.inf else low + abs(low) * ROUNDING,
                high if high == math.inf else high - abs(high) * ROUNDING,
            )
        case "count":
            return EVERYTHING if band.low == -math.inf else NOTHING
        case "sum":  # what leaves makes it smaller, as long as no sample is negative
            return Band(-math.inf if band.high == math.inf else 0.0, math.inf if band.low == -math.inf else 0.0)
    return NOTHING
