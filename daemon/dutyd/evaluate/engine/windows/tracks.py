"""What is remembered of an entity beside its latches: its last event, its windows, its timers.

A ``Track`` exists only for entities that need one: something in a window, a latch that is pending, a rule that reads
``prev``. Events are kept only where a timer or ``prev`` will look at them: letting go of an old event that nobody
looked at would cost more than judging a new one. Timers are two heaps: each track has its own, so that what is due
before an event of its entity is at hand; ``Clock`` knows the earliest of every track, so that quiet entities are found
without looking at the others.
"""

import math
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from dutyd.core.event import Event
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.windows.window import Window

if TYPE_CHECKING:
    from dutyd.evaluate.engine.latches.runner import Runner
    from dutyd.evaluate.engine.views.view import View

PANE = 0
HOLD = 1
REAP = 2
"""Nobody is asked: windows are looked through for what has left them."""


UNSEEN = (-1, -math.inf)
"""What a snapshot lacks that is not there, and the place of what needs none."""


Timer = tuple[float, int, int]
"""When something is due (event time, seconds since the epoch); ``PANE``, ``HOLD`` or ``REAP``: at equal times panes
leave before latches fire; the number of the aggregate, or of the rule in its view."""


class Track:
    """One entity of one view.

    Attributes:
        key: the entity.
        keeps: whether events are kept: a timer will ask about the newest, or ``prev`` reads the one before.
        last: its newest event; None while none is kept, or only late ones were read since: timers then ask nobody.
        before: the one before, for ``prev``.
        windows: by the number of their aggregate; one that is not here is empty.
        timers: a heap of what is due; what is no longer true is noticed when its time comes.
        due: when the first timer is due; infinite without one.
        scheduled: when the clock will ask; infinite when it won't.
        newest: its newest event time, seconds since the epoch; minus infinity without one.
        restored: whether *last* is what a checkpoint remembered of it; a replay may bring the event itself.
        soiled: offset and arrival of the first event that its snapshot lacks; None: it lacks nothing; see ``trickle``.
        whole: all events with a lower offset are in its snapshot; minus one without one.
        ended: rules whose latch time ended since the last event: only an event opens them again.
        stale: aggregates that a late sample changed since rules were last asked.

    """

    __slots__ = (
        "before",
        "due",
        "ended",
        "keeps",
        "key",
        "last",
        "newest",
        "restored",
        "scheduled",
        "soiled",
        "stale",
        "timers",
        "view",
        "whole",
        "windows",
    )

    def __init__(self, view: "View", key: Key) -> None:
        self.view = view
        self.key = key
        self.keeps = view.remembers
        self.last: Event | None = None
        self.before: Event | None = None
        self.windows: dict[int, Window] = {}
        self.timers: list[Timer] = []
        self.due = self.scheduled = math.inf
        self.newest = -math.inf
        self.restored = False
        self.soiled: tuple[int, float] | None = UNSEEN if not view.name else None
        self.whole = -1
        self.stale: frozenset[int] = frozenset()
        self.ended: frozenset[Runner] = frozenset()

    def pop(self) -> Timer:
        """Take the first timer off."""
        timer = heappop(self.timers)
        self.due = self.timers[0][0] if self.timers else math.inf
        return timer

    def keep(self, event: Event | None) -> None:
        """Keep events from now on; *event*: the newest, None where it is not known."""
        if not self.keeps and event is not None:
            self.last = event
        self.keeps = True

    def doubt(self, aggregates: Iterable[int]) -> None:
        """Have the rules that read one of *aggregates* asked at the next event, whatever it brings."""
        self.stale = self.stale.union(aggregates)

    def rest(self) -> None:
        """Let go of the events where nothing asks about them any more."""
        self.keeps = self.view.remembers or any(kind != REAP for _, kind, _ in self.timers)
        if not self.keeps:
            self.last = self.before = None


class Clock:
    """Which track is due next, in all views of a task.

    Attributes:
        reached: the time up to which everything that was due has fired for all entities; minus infinity before that.

    """

    def __init__(self) -> None:
        self.reached = -math.inf
        self._waiting: list[tuple[float, int, Track]] = []
        self._serial = count()

    def set(self, track: Track, timer: Timer) -> None:
        """Wake *track* at *timer*."""
        heappush(track.timers, timer)
        if timer[0] < track.due:
            track.due = timer[0]
            self._schedule(track)

    def _schedule(self, track: Track) -> None:
        if track.due < track.scheduled:
            track.scheduled = track.due
            heappush(self._waiting, (track.due, next(self._serial), track))

    def due(self, until: float) -> Iterator[Track]:
        """Yield each track with a timer due at or before *until*, earliest first; the caller fires it."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= until:
            due, _, track = heappop(waiting)
            if due != track.scheduled:  # it was set anew for an earlier time
                continue
            track.scheduled = math.inf
            if track.due <= until:
                yield track
            self._schedule(track)
