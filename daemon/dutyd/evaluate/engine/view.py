"""One view at work: an event that its rules see comes in, the latches that it moves are moved.

``see`` is the hot path: it looks up the fields of the event, compares each number with the band in which nothing
happens, and goes behind that guard only for numbers outside it and entities that are not inactive. ``topic`` calls it
for each event that passes ``where``; ``fire`` is also called for quiet entities, by the clock.
"""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dutyd.core.event import Event
from dutyd.evaluate.engine.aggregates import Aggregate
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.index import Index, More
from dutyd.evaluate.engine.plan import TablePlan, ViewPlan
from dutyd.evaluate.engine.runner import Outcome, Runner
from dutyd.evaluate.engine.samples import Samples
from dutyd.evaluate.engine.tables import NumberTable, Table
from dutyd.evaluate.engine.timing import catch_up
from dutyd.evaluate.engine.tracks import Track

if TYPE_CHECKING:
    from dutyd.evaluate.engine.topic import TopicState

_LONG_AGO = -math.inf

Todo = dict[Table, None]
"""Tables to judge, each once, in order."""


class View:
    """One view.

    Attributes:
        plan: what is known before the first event.
        topic: whose view it is.
        runners: its rules at work, in the order of the plan.
        samples: its windows.
        tables: its tables.
        tracks: by entity, those that need one.
        events: how many events were judged, late ones not counted.
        overflow: how many found no room for a track.

    """

    __slots__ = (
        "_busy",
        "_entries",
        "_newest",
        "_older",
        "_settling",
        "_watched",
        "events",
        "index",
        "numbers",
        "overflow",
        "plan",
        "runners",
        "samples",
        "tables",
        "topic",
        "tracks",
    )

    def __init__(
        self, plan: ViewPlan, topic: "TopicState", runners: Mapping[str, Runner], since: dict[Aggregate, float]
    ) -> None:
        self.plan = plan
        self.topic = topic
        self.runners = [runners[rule.rule.id] for rule in plan.rules]
        self.samples = Samples(plan.aggregates, topic.clock, since)
        self.tables = [_table(each, runners, self) for each in plan.tables]
        self.tracks: dict[Key, Track] = {}
        self.events = self.overflow = 0
        self.index = Index(self.tables, plan.aggregates)
        self._entries = self.index.entries
        self._busy = bool(self.index.always or self.index.counted)
        self._newest: dict[Key, float] = {}
        self._older: dict[Key, float] = {}
        self.numbers = {runner: number for number, runner in enumerate(self.runners)}
        self._settling = self.samples.settling
        self._watched: dict[Key, dict[Table, None]] = {}
        for table in self.tables:
            for key in table.masks:
                self.watch(key, table)

    def see(self, event: Event, key: Key) -> None:
        """Judge *event* of the entity *key*."""
        time = event.time
        newest = self._newest.get(key)
        if newest is None:
            newest = self._older.get(key, _LONG_AGO)
        if time < newest:
            self.topic.count_late(event)
            self._take_late(event, key, newest)
            return
        self._newest[key] = time
        self.events += 1
        todo: Todo | None = None
        track = self.tracks.get(key)
        if track is not None:
            if track.due <= time or track.stale:
                todo = catch_up(self, track, time)
            track.before, track.last = track.last, event
        elif self.plan.remembers:
            track = self.new_track(key, event)
        if self.plan.remembers:
            self._remember(key)
        touched = self._pass_guards(event, key, track)
        if touched or todo or self._busy or key in self._watched or _LONG_AGO < newest < self._settling:
            self._judge_rest(event, key, newest, touched, todo or {})

    def _pass_guards(self, event: Event, key: Key, track: Track | None) -> list[More] | None:
        """Judge what the fields of *event* touch behind their guards; return what else they touch."""
        touched = None
        entries = self._entries
        for field, value in event.fields.items():
            entry = entries.get(field)
            if entry is None:
                continue
            low, high, masks, table, more = entry
            if table is not None and (value.__class__ is float or value.__class__ is int):
                table.seen += 1
                if value > high or value < low or key in masks:
                    table.judge(key, event, event.time, track)
            if more is not None:
                touched = [more] if touched is None else [*touched, more]
        return touched

    def _judge_rest(self, event: Event, key: Key, newest: float, touched: list[More] | None, todo: Todo) -> None:
        """Feed the windows, then judge whatever reads more than one number."""
        index = self.index
        numbers = index.counted + [at for more in touched or () for at in more.aggregates]
        for at in self._take(event, key, event.time, numbers):
            todo.update(dict.fromkeys(index.sampled[at]))
        for more in touched or ():
            _touch(more, event.fields[more.field], key, todo)
        todo.update(dict.fromkeys(index.always))
        todo.update(self._watched.get(key, ()))
        if _LONG_AGO < newest < self._settling:
            todo.update(index.reading(self.samples.settled(newest, event.time)))
        track = self.tracks.get(key)
        for table in todo:
            self.judge(table, key, event, event.time, track)

    def judge(self, table: Table, key: Key, event: Event, time: float, track: Track | None) -> None:
        """Have *table* judge; what could not move then is asked again at the next event, whatever that brings."""
        refused = table.judge(key, event, time, track) is Outcome.REFUSED
        if refused and track is not None:
            track.stale.update(table.plan.reads)

    def replay(self, event: Event, key: Key) -> None:
        """Take note of *event* without judging it."""
        newest = self._newest.get(key, self._older.get(key, _LONG_AGO))
        if event.time < newest:
            self._take_late(event, key, newest)
            return
        self._newest[key] = event.time
        track = self.tracks.get(key)
        if track is not None:
            track.before, track.last = track.last, event
        elif self.plan.remembers:
            self.new_track(key, event)
        self._take(event, key, event.time, self._numbers_of(event))

    def inherit(self, old: "View") -> None:
        """Take over what *old*, the same view by another plan, remembers of entities and windows."""
        self._newest, self._older = old._newest, old._older  # noqa: SLF001  # the same class
        for key, track in old.tracks.items():
            windows = old.samples.windows(track)
            mine = {at: windows[each] for at, each in enumerate(self.plan.aggregates.all) if each in windows}
            if not mine and not self.plan.remembers:
                continue
            new = self.new_track(key, track.last)
            if new is not None:
                new.before = track.before
                self.samples.adopt(new, mine)

    def newest(self) -> float:
        """Return the newest event time that is remembered; minus infinity without one."""
        return max([*self._newest.values(), *self._older.values()], default=_LONG_AGO)

    def forget(self) -> None:
        """Forget the newest times of entities that were not seen since this was last called."""
        self._older, self._newest = self._newest, {}

    def _take_late(self, event: Event, key: Key, newest: float) -> None:
        taken = self._take(event, key, newest, self._numbers_of(event))
        if taken:
            self.tracks[key].stale.update(taken)

    def _numbers_of(self, event: Event) -> list[int]:
        """Return the aggregates that may take *event* as a sample."""
        entries = [self._entries[field][4] for field in event.fields if field in self._entries]
        return self.index.counted + [at for more in entries if more is not None for at in more.aggregates]

    def _take(self, event: Event, key: Key, newest: float, numbers: Iterable[int]) -> list[int]:
        """Add *event* to the windows of those aggregates of *numbers* that take it; return them."""
        taken = []
        for at in numbers:
            try:
                takes = self.samples.takes(at, event, newest)
            except Exception as error:  # noqa: BLE001  # a filter that fails must not stop the others
                self._fail_readers(at, error)
                continue
            if takes:
                track = self.tracks.get(key) or self.new_track(key, event if event.time == newest else None)
                if track is None:
                    break
                self.samples.add(at, track, event, newest)
                taken.append(at)
        return taken

    def _fail_readers(self, at: int, error: Exception) -> None:
        for table in self.index.readers[at]:
            for runner in table.runners:
                runner.fail(error)

    def _remember(self, key: Key) -> None:
        """Have the values that ``prev`` will need stored."""
        for runner in self.runners:
            if runner.conditions.prevs:
                runner.touch(key)

    def new_track(self, key: Key, event: Event | None) -> Track | None:
        """Return a new track, None where there is no room."""
        if len(self.tracks) >= self.topic.limits.entities:
            self.overflow += 1
            return None
        track = self.tracks[key] = Track(self, key)
        track.last = event
        return track

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


def _touch(more: More, value: Any, key: Key, todo: Todo) -> None:
    """Add the tables that *value* touches to *todo*."""
    is_number = value.__class__ is float or value.__class__ is int
    for table in more.tables:
        if is_number:
            low, high = table.band
            table.seen += 1
            if low <= value <= high and key not in table.masks:
                continue
        elif table.plan.quantity is not None or value is None:
            continue
        else:
            table.seen += 1
        todo[table] = None


def _table(plan: TablePlan, runners: Mapping[str, Runner], view: View) -> Table:
    kind = Table if plan.quantity is None else NumberTable
    return kind(plan, [runners[rule.rule.id] for rule in plan.rules], view)
