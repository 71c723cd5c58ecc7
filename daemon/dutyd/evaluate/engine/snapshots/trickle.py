"""Snapshots trickle: at each checkpoint some of the entities that changed since theirs are written anew, oldest first.

So no write is long, however many entities there are, and a start replays only what came since the oldest change that
is in no snapshot (``Origin``). A view or a window that is new is in them as soon as the entities are. ``view`` says
which tracks change, ``State.trickle`` hands out what is to be written. Only topics whose offsets count records can be
here: a snapshot says up to which offset it is whole.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from dutyd.core.event import Event
from dutyd.evaluate.engine.latches.latch import NOWHERE
from dutyd.evaluate.engine.snapshots.resume import Resume, origin_of
from dutyd.evaluate.engine.snapshots.snapshot import (
    Cover,
    Origin,
    Snapshot,
    aggregate_name,
    event_at_rest,
    place,
    seal,
    view_name,
)
from dutyd.evaluate.engine.windows.samples import EVER
from dutyd.evaluate.engine.windows.tracks import UNSEEN, Track

if TYPE_CHECKING:
    from dutyd.evaluate.engine.views.topic import TopicState
    from dutyd.evaluate.engine.views.view import View

MOST = 50
"""Entities of one topic that one write takes at most: well below a millisecond."""

MOST_GONE = 1_000


class Written(NamedTuple):
    """What one write changes of the snapshots.

    Attributes:
        fields: changed ones; None for those that are gone.
        anew: whether what was there before goes first.
        seconds: how long they are of use without another write.

    """

    fields: Mapping[bytes, bytes | None]
    anew: bool
    seconds: float


class Trickle:
    """The snapshots of one task.

    Attributes:
        topics: aliases of the topics that may have some.
        resume: what a checkpoint holds, until views took it.

    """

    def __init__(self, topics: Iterable[str], resume: Resume) -> None:
        self.topics = frozenset(topics)
        self.resume = resume
        self._queues: dict[str, deque[Track]] = {}
        self._gone: dict[bytes, None] = {}
        self._views: dict[str, View] = {}
        self._covered: set[str] = set()  # views that snapshots were written of
        self._covers: dict[bytes, bytes] = {}
        self._told: set[bytes] = set()
        self._new = False
        self._anew = False
        self._seconds = 0.0

    def bind(self, topics: Iterable["TopicState"]) -> None:
        """Go on with *topics*, whose views took over what was there."""
        all_ = {topic.plan.alias: list(topic.views.values()) for topic in topics}
        kept = {alias: [view for view in views if view.name] for alias, views in all_.items()}
        self._views = {view.name: view for views in kept.values() for view in views}
        self._covers = {
            view_name(alias, *view.plan.key).encode(): seal(_cover(view))
            for alias, views in all_.items()
            for view in views
            if view.name or view.samples.begun or view.first > EVER.offset
        }
        self._seconds = max((view.plan.reach for view in self._views.values()), default=0.0)
        self._queues = {}
        for alias, views in kept.items():
            soiled = (track for view in views for track in view.tracks.values() if track.soiled is not None)
            self._queues[alias] = deque(sorted(soiled, key=_soiled))
        self._new = True
        self._anew = self._anew or self.resume.rest or not self._covered <= self._views.keys()
        self._covered |= self._views.keys()
        self.resume = Resume()

    def begin_anew(self) -> None:
        """Take note that nothing is in the checkpoint any more."""
        self._anew = True

    def soil(self, track: Track, event: Event) -> None:
        """Take note that the snapshot of *track* lacks *event*, as the first since it was made."""
        track.soiled = (event.offset, event.arrival)
        self._queues.setdefault(track.view.topic.plan.alias, deque()).append(track)

    def drop(self, track: Track) -> None:
        """Take note that nothing of *track* is needed any more."""
        if track.whole > NOWHERE:
            self._gone[place(track.view.name, track.key)] = None

    def take(self, share: float) -> Written | None:
        """Return what is to be written now, None where nothing has snapshots.

        Args:
            share: the part of what waits that is to be taken.

        """
        if not self._covers and not self._told and not self._covered and not self._anew:
            return None
        if self._anew:
            self._soil_all()
        fields: dict[bytes, bytes | None] = {}
        for name in list(islice(self._gone, MOST_GONE)):
            del self._gone[name]
            fields[name] = None
        for alias, queue in self._queues.items():
            for _ in range(min(MOST, math.ceil(len(queue) * min(share, 1.0)))):
                self._write(queue.popleft(), fields)
            fields[origin_of(alias)] = seal(_origin(queue))
        if self._new or self._anew:
            fields |= dict.fromkeys(self._told - self._covers.keys()) | self._covers
            self._told, self._new = set(self._covers), False
        anew, self._anew, self._covered = self._anew, False, set(self._views)
        return Written(fields, anew, self._seconds)

    def _soil_all(self) -> None:
        self._gone.clear()
        for alias in self._queues:
            views = [view for view in self._views.values() if view.topic.plan.alias == alias]
            tracks = [track for view in views for track in view.tracks.values()]
            for track in tracks:
                track.soiled = UNSEEN
            self._queues[alias] = deque(tracks)

    def _write(self, track: Track, fields: dict[bytes, bytes | None]) -> None:
        """Put the snapshot of *track* into *fields*; nothing where it is no more."""
        view = track.view
        if _dead(track):
            return
        track.soiled = None
        name = place(view.name, track.key)
        if not track.windows and not track.timers and not view.remembers:
            if track.whole > NOWHERE:
                fields[name] = None
            return
        track.whole = max(track.whole, view.topic.offset + 1)
        windows = [(view.names[at], window.at_rest()) for at, window in view.samples.windows(track).items()]
        last, before = event_at_rest(track.last), event_at_rest(track.before)
        fields[name] = seal(Snapshot(track.whole, track.newest, last, before, windows))
        self._gone.pop(name, None)


def _soiled(track: Track) -> tuple[int, float]:
    assert track.soiled is not None  # whoever sorts them looked
    return track.soiled


def _dead(track: Track) -> bool:
    return track.view.tracks.get(track.key) is not track


def _origin(queue: deque[Track]) -> Origin:
    while queue and _dead(queue[0]):
        queue.popleft()
    return Origin(*_soiled(queue[0])) if queue else Origin(NOWHERE, math.inf)


def _cover(view: "View") -> Cover:
    return Cover(view.first, {aggregate_name(each): begun for each, begun in view.samples.begun.items()})
