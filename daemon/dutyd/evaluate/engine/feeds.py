"""From an event to a window: ``Feed`` adds samples of one aggregate, and says which tables that may touch.

``View`` calls the feeds of the fields that an event has, late events too. For tables that compare the window with
constants the guard is here, as ``View`` has it for fields: most samples leave a window within the band.
"""

import math
from typing import TYPE_CHECKING

from dutyd.core.event import Event
from dutyd.core.expr.operators import number
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.tables import NumberTable, Table
from dutyd.evaluate.engine.tracks import PANE, Track
from dutyd.evaluate.engine.windows import Window

if TYPE_CHECKING:
    from dutyd.evaluate.engine.view import View

Todo = dict[Table, None]
"""Tables to judge, each once, in order."""


class Feed:
    """Samples of one aggregate.

    Attributes:
        at: its number.
        readers: the tables that read its windows.

    """

    __slots__ = ("_fold", "_guarded", "_known", "_passes", "_seconds", "_touched", "_view", "at", "readers")

    def __init__(self, at: int, view: "View") -> None:
        """Feed aggregate *at* of *view*."""
        aggregate, self._passes = view.plan.aggregates.all[at], view.plan.aggregates.filters[at]
        self.at = at
        self._seconds, self._fold = aggregate.seconds, aggregate.fold
        self._known = view.samples.known[at]
        self._view = view
        self.readers: list[Table] = []
        self._touched: list[Table] = []
        self._guarded: list[NumberTable] = []

    def join(self, table: Table) -> None:
        """Tell *table*, which reads the windows, when they change."""
        self.readers.append(table)
        if isinstance(table, NumberTable):
            self._guarded.append(table)
        elif self.at in table.plan.samples:
            self._touched.append(table)

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
        if sample is None or time + self._seconds <= newest or (self._passes is not None and not self._allows(event)):
            return False
        view = self._view
        track = view.tracks.get(key) or view.new_track(key, event, newest)
        if track is None:
            return False
        window = track.windows.get(self.at)
        if window is None:
            window = track.windows[self.at] = Window(self._fold, self._seconds)
        window.add(time, sample, newest)
        if window.due < window.timer:
            window.timer = window.due
            view.topic.clock.set(track, (window.due, PANE, self.at))
        self._guard(window, key, time, todo)
        for table in self._touched:
            todo[table] = None
        return True

    def leave(self, track: Track, due: float, todo: Todo) -> None:
        """Let the panes of *track* go that are *due*, and put the tables that this touches into *todo*."""
        window = track.windows.get(self.at)
        if window is None or window.timer != due:  # another timer was set since
            return
        if window.due <= due:
            window.settle(due)
            self._guard(window, track.key, due, todo)
            for table in self.readers:
                if not isinstance(table, NumberTable):
                    todo[table] = None
        window.timer = window.due
        if window.due < math.inf:
            self._view.topic.clock.set(track, (window.due, PANE, self.at))
        else:
            del track.windows[self.at]

    def _guard(self, window: Window, key: Key, time: float, todo: Todo) -> None:
        """Put the tables that compare *window* with constants into *todo* where its value is beyond their bands."""
        for table in self._guarded:
            if time < self._known or table.is_beyond(window.value(table.function), key):
                todo[table] = None

    def _allows(self, event: Event) -> bool:
        assert self._passes is not None
        try:
            return self._passes(event.fields.get) is True
        except Exception as error:  # noqa: BLE001  # a filter that fails must not stop the others
            for table in self.readers:
                for runner in table.runners:
                    runner.fail(error)
            return False
