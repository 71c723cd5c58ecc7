"""Feeds of windows that follow something: counters for ``rate`` and ``delta``, the sight of a field for ``absent``.

``Index`` makes one for each such aggregate; the others, which are many more, are plain feeds and know nothing of this.
"""

from typing import TYPE_CHECKING

from dutyd.core.event import Event
from dutyd.core.expr.operators import key_text, number
from dutyd.evaluate.engine.compiled.aggregates import Aggregate, Kind
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.views.feeds import Feed, Todo
from dutyd.evaluate.engine.windows.series import Absence, Differences
from dutyd.evaluate.engine.windows.tracks import Track

if TYPE_CHECKING:
    from dutyd.evaluate.engine.views.view import View


def feed_of(at: int, view: "View") -> Feed:
    """Return the feed of aggregate *at* of *view*."""
    kinds = {Kind.VALUES: Feed, Kind.ABSENCE: AbsenceFeed, Kind.RISES: DifferenceFeed, Kind.CHANGES: DifferenceFeed}
    return kinds[view.plan.aggregates.all[at].kind](at, view)


class DifferenceFeed(Feed):
    """Samples of counters: what is summed up is how far each moved since its sample before."""

    __slots__ = ("_aggregate",)

    def __init__(self, at: int, view: "View") -> None:
        super().__init__(at, view)
        self._aggregate: Aggregate = view.plan.aggregates.all[at]

    def take(self, event: Event, key: Key, value: object, newest: float, todo: Todo) -> bool:
        """As ``Feed.take``; a sample older than the one before of its series is not taken."""
        sample, by = number(value), self._aggregate.by
        series = None if by is None else key_text(event.fields.get(by))
        if sample is None or (by is not None and series is None) or event.time + self.seconds <= newest:
            return False
        track = self.track(event, key, newest) if self.allows(event) else None
        if track is None:
            return False
        window = track.windows.get(self.at)
        if not isinstance(window, Differences):
            window = Differences(self.seconds, rises=self._aggregate.kind is Kind.RISES)
            self.view.samples.place(track, self.at, window)
        try:
            moved = window.difference(event.time, sample, series)
        except OverflowError:
            self.view.overflow += 1
            return False
        if moved is None:
            return False
        self.put(window, track, event, moved, newest)
        self.touch(window, track, event.time, todo)
        return True


class AbsenceFeed(Feed):
    """Every event of an entity: those that have the field, and the first one, whatever it has."""

    __slots__ = ("_aggregate",)

    def __init__(self, at: int, view: "View") -> None:
        super().__init__(at, view)
        self._aggregate: Aggregate = view.plan.aggregates.all[at]

    def take(self, event: Event, key: Key, value: object, newest: float, todo: Todo) -> bool:
        """Take note of an event that has the field; *value* says nothing, as all of them are shown."""
        del value
        seen = event.fields.get(self._aggregate.field or "") is not None and self.allows(event)
        track = self.track(event, key, newest)
        if track is None:
            return False
        window = track.windows.get(self.at)
        if not isinstance(window, Absence):
            window = Absence(self.seconds)
            self.view.samples.place(track, self.at, window)
        elif not seen:
            return False
        self.put(window, track, event, 1.0, newest)
        self.touch(window, track, event.time, todo)
        self._store(track)
        return True

    def _store(self, track: Track) -> None:
        """Have the latches stored that remember when the field was last seen."""
        for table in self.readers:
            for runner in table.runners:
                if track.key in runner.latches:
                    runner.touch(track.key)
