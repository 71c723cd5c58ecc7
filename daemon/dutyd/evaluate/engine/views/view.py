"""One view at work: an event that its rules see comes in, the latches that it moves are moved.

``see`` is the hot path: it looks up the fields of the event, compares each number with the band in which nothing
happens, and goes behind that guard only for numbers outside it and entities that are not inactive. ``topic`` calls it
for each event that passes ``where``; ``fire`` is also called for quiet entities, by the clock.
"""

import math
from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING

from dutyd.core.event import Event
from dutyd.evaluate.engine.compiled.aggregates import Aggregate
from dutyd.evaluate.engine.compiled.plan import TablePlan, ViewPlan
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.latches.runner import Move, Runner
from dutyd.evaluate.engine.snapshots.snapshot import aggregate_name
from dutyd.evaluate.engine.views.each_event import EachRules
from dutyd.evaluate.engine.views.feeds import Todo
from dutyd.evaluate.engine.views.going_on import take_late
from dutyd.evaluate.engine.views.index import Index
from dutyd.evaluate.engine.views.quiet import LONG_AGO, Quiet
from dutyd.evaluate.engine.views.tables import NumberTable, Table
from dutyd.evaluate.engine.views.timing import catch_up
from dutyd.evaluate.engine.windows.samples import Begun, Samples
from dutyd.evaluate.engine.windows.tracks import Track

if TYPE_CHECKING:
    from dutyd.evaluate.engine.views.topic import TopicState

_NEVER = math.inf


class View:
    """One view.

    Attributes:
        plan: what is known before the first event; its *selector*.
        topic: whose view it is.
        runners: its rules at work, in the order of the plan.
        samples: its windows.
        tables: its tables.
        each: its rules that open for each event by itself; None: it has none.
        tracks: by entity, those that need one.
        name: what its snapshots are called; empty: it has none.
        names: what its aggregates are called there.
        woken: aggregates that its tracks had from snapshots.
        first: offset of the first record that it sees.
        remembers: whether one of its rules reads the event before.
        events: how many events were judged, late ones not counted.
        overflow: how many found no room for a track.
        quiet: the entities that have none.

    """

    __slots__ = (
        "_busy",
        "_find",
        "_settling",
        "_todo",
        "_watched",
        "each",
        "events",
        "first",
        "index",
        "name",
        "names",
        "numbers",
        "overflow",
        "plan",
        "quiet",
        "remembers",
        "runners",
        "samples",
        "selector",
        "tables",
        "topic",
        "tracks",
        "woken",
    )

    def __init__(
        self,
        plan: ViewPlan,
        topic: "TopicState",
        runners: Mapping[str, Runner],
        begun: dict[Aggregate, Begun],
        first: int,
    ) -> None:
        self.plan = plan
        self.selector = plan.selector
        self.topic = topic
        self.name = topic.name_of(plan)
        self.names = tuple(map(aggregate_name, plan.aggregates.all)) if self.name else ()
        self.woken: frozenset[Aggregate] = frozenset()
        self.first = first
        self.runners = [runners[rule.rule.id] for rule in plan.rules]
        self.samples = Samples(plan.aggregates, topic.clock, begun)
        self.tables = [_table(each, runners, self) for each in plan.tables]
        self.each = EachRules((rule, runners[rule.rule.id], holds) for rule, holds in plan.each) if plan.each else None
        self.tracks: dict[Key, Track] = {}
        self.events = self.overflow = 0
        self.index = Index(self)
        self._find = self.index.entries.get
        self.remembers: bool = plan.remembers
        self._busy = bool(self.index.always or self.index.counted)
        self.quiet = Quiet()
        self.numbers = {runner: number for number, runner in enumerate(self.runners)}
        self._settling = self.samples.settling
        self._watched: dict[Key, dict[Table, None]] = {}
        self._todo: Todo = {}
        for table in self.tables:
            for key in table.masks if not isinstance(table, NumberTable) else ():
                self.watch(key, table)

    def see(self, event: Event, key: Key) -> None:
        """Judge *event* of the entity *key*."""
        time = event.time
        track = self.tracks.get(key)
        newest = self.quiet.newest(key) if track is None else track.newest
        if self.each is not None:
            self.each.open(event, key)
        if time < newest:
            self.topic.count_late(event)
            take_late(self, event, key, newest)
            return
        self.events += 1
        if track is None:
            self.quiet.young[key] = time
        else:
            if track.due <= time or track.stale or track.keeps or track.soiled is None:
                self._bring_up(track, event, time)
            track.newest = time
        if self.remembers:
            track = self._remember(event, key, track)
        self._pass_guards(event, key, time, track)
        if self._todo or self._busy or key in self._watched or newest < self._settling:
            self._judge_rest(event, key, newest)
        if track is not None and track.due == _NEVER:
            self.drop_if_idle(track)

    def _bring_up(self, track: Track, event: Event, time: float) -> None:
        """Do what *track*, which *event* reaches, has to do before it is judged: most have nothing to do."""
        if track.due <= time or track.stale:
            self._todo.update(catch_up(self, track, time))
        if track.keeps:
            track.before, track.last = track.last, event
        if track.soiled is None:
            self.soil(track, event)

    def _pass_guards(self, event: Event, key: Key, time: float, track: Track | None) -> None:
        """Judge what the fields of *event* touch behind their guards, feed windows, put what else they touch aside."""
        fields = event.fields
        for field, low, high, masks, table, more in filter(None, map(self._find, fields)):
            value = fields[field]
            if table is not None and (value.__class__ is float or value.__class__ is int):
                table.seen += 1
                if value > high or value < low or key in masks:
                    table.judge(key, event, time, track)
            if more is not None:
                for feed in more.feeds:
                    feed.take(event, key, value, time, self._todo)
                for other in more.tables:
                    if other.asks(value, key):
                        self._todo[other] = None

    def _judge_rest(self, event: Event, key: Key, newest: float) -> None:
        """Judge whatever reads more than one field, now that all windows are fed."""
        index, time = self.index, event.time
        todo, self._todo = self._todo, {}
        for feed in index.counted:
            feed.take(event, key, 1.0, time, todo)
        for table in index.always:
            todo[table] = None
        if key in self._watched:
            todo.update(self._watched[key])
        if LONG_AGO < newest < self._settling:
            todo.update(index.reading(self.samples.settled(newest, time)))
        track = self.tracks.get(key)
        for table in todo:
            self.judge(table, key, event, time, track)

    def judge(self, table: Table, key: Key, event: Event, time: float, track: Track | None) -> None:
        """Have *table* judge; what could not move then is asked again at the next event, whatever that brings."""
        refused = table.judge(key, event, time, track) is Move.REFUSED
        if refused and track is not None:
            track.doubt(table.plan.reads)

    def newest(self) -> float:
        """Return the newest event time that is remembered; minus infinity without one."""
        tracked = (track.newest for track in self.tracks.values())
        return max(chain(tracked, self.quiet.times()), default=LONG_AGO)

    def newest_at(self, key: Key) -> float:
        """Return the newest event time that is remembered of *key*; minus infinity without one."""
        track = self.tracks.get(key)
        return self.quiet.newest(key) if track is None else track.newest

    def soil(self, track: Track, event: Event) -> None:
        """Take note that the snapshot of *track* lacks *event*, if it lacked nothing before."""
        if track.soiled is None and self.topic.trickle is not None:
            self.topic.trickle.soil(track, event)

    def forget_snapshot(self, track: Track) -> None:
        """Take note that nothing of *track* is worth a snapshot any more; what ``prev`` reads always is."""
        if self.topic.trickle is not None and self.name and not self.remembers:
            self.topic.trickle.drop(track)

    def _remember(self, event: Event, key: Key, track: Track | None) -> Track | None:
        """Have the values that ``prev`` will need kept here, and stored."""
        for runner in self.runners:
            if runner.conditions.prevs:
                runner.touch(key)
        return self.new_track(key, event, None) if track is None else track

    def new_track(self, key: Key, event: Event | None, newest: float | None) -> Track | None:
        """Return a new track, None where there is no room.

        Args:
            key: the entity.
            event: its newest event, or a late one; None where none is known.
            newest: its newest event time; None: that of *event*.

        """
        if len(self.tracks) >= self.topic.limits.entities:
            self.overflow += 1
            return None
        track = self.tracks[key] = Track(self, key)
        time = LONG_AGO if event is None else event.time
        track.newest = max(self.quiet.newest(key), time if newest is None else newest)
        track.last = event if track.keeps and time == track.newest else None
        if self.name and event is not None:
            self.soil(track, event)
        return track

    def drop_if_idle(self, track: Track) -> None:
        """Forget a track in which nothing is left."""
        if not track.timers and not self.remembers and self.tracks.pop(track.key, None) is not None:
            self.quiet.young[track.key] = track.newest
            self.forget_snapshot(track)

    def watch(self, key: Key, table: Table) -> None:
        """Ask *table* about every event of *key* as long as a latch there is not inactive."""
        if isinstance(table, NumberTable):  # only its own number moves it
            return
        if key in table.masks:
            self._watched.setdefault(key, {})[table] = None
        elif key in self._watched:
            self._watched[key].pop(table, None)
            if not self._watched[key]:
                del self._watched[key]


def _table(plan: TablePlan, runners: Mapping[str, Runner], view: View) -> Table:
    kind = Table if plan.quantity is None else NumberTable
    return kind(plan, [runners[rule.rule.id] for rule in plan.rules], view)
