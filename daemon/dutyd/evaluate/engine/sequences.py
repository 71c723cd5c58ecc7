"""Rules whose incidents open when one thing after the other happened: at work, for one task.

``topic`` shows each event to the ``Watch`` of every sequence that may want it. Where all items are of one topic an
event is judged when it is read. Items of several topics come in no certain order, so their events wait until the
watermark has passed them (``reach``), and are then judged in the order of their times: it makes no difference which
topic was read first. ``progress`` says what an event does; what is not over is stored with the latches and never
derived again.
"""

import math
from bisect import insort_right
from collections.abc import Iterator, Mapping
from heapq import heappop, heappush
from typing import Any, Final

import msgspec

from dutyd.core.event import Event
from dutyd.core.expr import Look, Node, evaluate
from dutyd.core.expr.tree import Has, Name, Prev, Window
from dutyd.evaluate.engine.compiled.selector import Selector
from dutyd.evaluate.engine.compiled.sequence import SequencePlan
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.latches.blame import blame
from dutyd.evaluate.engine.latches.journal import Journal
from dutyd.evaluate.engine.latches.latch import NOWHERE
from dutyd.evaluate.engine.latches.moment import Moment, look_at
from dutyd.evaluate.engine.latches.progress import Done, Progress, Unknown, Waiting, advance, kept, together
from dutyd.evaluate.engine.latches.runner import Move, Runner
from dutyd.evaluate.engine.views.tables import Table
from dutyd.evaluate.engine.views.timing import fire_before, wait
from dutyd.evaluate.engine.views.topic import TopicState
from dutyd.evaluate.engine.views.view import View

MOST_WAITING: Final = 100
"""Events of one entity that wait at the same time; more are not taken, and counted as overflow."""

_LONG_AGO: Final = -math.inf


class Sequencer:
    """One rule at work.

    Attributes:
        plan: of its sequence.
        runner: its latches.
        progress: by entity, where something is under way.

    """

    def __init__(self, plan: SequencePlan, runner: Runner, view: View, journal: Journal) -> None:
        """Begin with nothing; *view* is that of the rule, in its own topic."""
        self.plan = plan
        self.runner = runner
        self.progress: dict[Key, Progress] = {}
        self._view = view
        self._journal = journal
        self._table: Table | None = next((each for each in view.tables if runner in each.runners), None)
        self._order = {item.topic: at for at, item in reversed(list(enumerate(plan.items)))}
        self._due: list[tuple[float, Key]] = []
        self._over: list[tuple[float, Key]] = []
        self._ending: set[Key] = set()  # those in the heap above, each once

    def adopt(self, progress: Mapping[Key, Progress]) -> None:
        """Go on from *progress*; what another rule has left is worth nothing."""
        for key, each in progress.items():
            if each.of == self.plan.digest:
                self._put(key, each)
            else:
                self.runner.touch(key)

    def watches(self, topics: Mapping[str, TopicState]) -> Iterator[tuple[str, "Watch"]]:
        """Yield what is to see the events of each topic."""
        for alias, selector in self.plan.selectors.items():
            yield alias, Watch(self, topics[alias], selector)

    def take(self, topic: TopicState, event: Event, key: Key) -> None:
        """Judge *event* of *topic*, which may be an item, or have it wait for its turn."""
        runner, alias = self.runner, topic.plan.alias
        home = alias == self.plan.rule.topic
        if runner.off or (home and event.offset <= runner.skips.get(key, NOWHERE)):
            return
        progress = self.progress.get(key)
        if event.time < self._newest(key, progress):
            topic.count_late(event)
        elif progress is None and len(self.progress) >= topic.limits.latches:
            self._journal.overflow[self.plan.rule.id] += 1
        elif self.plan.waits and event.time > topic.clock.reached:
            self._wait(key, progress, Waiting(alias, kept(event)))
        else:
            self._try(key, alias, event)

    def learn(self, topic: TopicState, event: Event, key: Key) -> None:
        """Take note of *event*, which is decided already: what it makes whole has opened then.

        Not of several topics: in which order their events are read again says nothing.
        """
        progress = self.progress.get(key)
        full = progress is None and len(self.progress) >= topic.limits.latches
        if self.plan.waits or self.runner.off or full or event.time < self._newest(key, progress):
            return
        try:
            self._advance(key, topic.plan.alias, event, lambda _, __: None)
        except Exception as error:  # noqa: BLE001  # the boundary
            self.runner.fail(error)

    def _newest(self, key: Key, progress: Progress | None) -> float:
        """Return the time before which an event of *key* is late."""
        newest = _LONG_AGO if progress is None else progress.newest
        return newest if self.plan.waits else max(newest, self._view.newest_at(key))

    def reach(self, watermark: float) -> None:
        """Judge what has waited up to *watermark*, and forget what can't be completed any more."""
        while self._due and self._due[0][0] <= watermark:
            key = heappop(self._due)[1]
            while (progress := self.progress.get(key)) and progress.waiting:
                first, rest = progress.waiting[0], progress.waiting[1:]
                if first.event.time > watermark:
                    break
                self._put(key, msgspec.structs.replace(progress, waiting=rest))
                if first.event.time >= progress.newest:
                    fire_before(self._view, key, first.event.time)
                    self._try(key, first.topic, first.event)
        while self._over and self._over[0][0] < watermark:
            self._forget(heappop(self._over)[1], watermark)

    def _forget(self, key: Key, watermark: float) -> None:
        """Forget what is under way for *key*, if it can't be completed any more; else look again later."""
        self._ending.discard(key)
        progress = self.progress.get(key)
        if progress is None:
            return
        if progress.waiting or progress.newest + self.plan.within >= watermark:
            times = [each.event.time for each in progress.waiting]
            self._end_at(key, max([progress.newest + self.plan.within, watermark, *times]))
        else:
            del self.progress[key]
            self.runner.touch(key)

    def _end_at(self, key: Key, time: float) -> None:
        if key not in self._ending:
            self._ending.add(key)
            heappush(self._over, (time, key))

    def _wait(self, key: Key, progress: Progress | None, waiting: Waiting) -> None:
        progress = progress or Progress(self.plan.digest)
        if len(progress.waiting) >= MOST_WAITING:
            self._journal.overflow[self.plan.rule.id] += 1
            return
        queue = list(progress.waiting)
        insort_right(queue, waiting, key=lambda each: (each.event.time, self._order.get(each.topic, -1)))
        self._put(key, msgspec.structs.replace(progress, waiting=tuple(queue)))

    def _try(self, key: Key, alias: str, event: Event) -> None:
        """Judge *event*; one rule's fault must not stop the others."""
        if self.runner.off:
            return
        try:
            self._judge(key, alias, event)
        except Exception as error:  # noqa: BLE001  # the boundary
            self.runner.fail(error)
        else:
            self.runner.failures = 0

    def _judge(self, key: Key, alias: str, event: Event) -> None:
        whole = self._advance(key, alias, event, self._count_unknown)
        if whole:
            self._open(key, together(self.plan, whole))

    def _advance(self, key: Key, alias: str, event: Event, unknown: Unknown) -> Done:
        """Move what is under way for *key* on; return the events of the sequence that is whole now."""
        progress = self.progress.get(key) or Progress(self.plan.digest)
        step = advance(self.plan, progress.done, alias, event, unknown)
        if step is None:
            return ()
        if step.done or self.plan.waits:
            self._put(key, msgspec.structs.replace(progress, newest=event.time, done=step.done))
        else:  # the view knows what is late
            del self.progress[key]
            self.runner.touch(key)
        return step.whole

    def _put(self, key: Key, progress: Progress) -> None:
        before = self.progress.get(key)
        self.progress[key] = progress
        self.runner.touch(key)
        if progress.waiting and (before is None or before.waiting[:1] != progress.waiting[:1]):
            heappush(self._due, (progress.waiting[0].event.time, key))
        self._end_at(key, progress.newest + self.plan.within)

    def _open(self, key: Key, event: Event) -> None:
        view, runner = self._view, self.runner
        moment = Moment(event, event.time, event.offset, look_at(event, event.time, view.tracks.get(key), view.samples))
        if self._table is None:
            runner.tell_once(key, moment)
        elif key not in runner.latches and not self._clears(moment.look):
            if runner.open(key, moment) is Move.WAITS:
                wait(view, key, runner, event)
            view.watch(key, self._table)

    def _clears(self, look: Look) -> bool:
        clear = self.runner.conditions.clear
        return clear is not None and evaluate(clear, look) is True

    def _count_unknown(self, node: Node, fields: Mapping[str, Any]) -> None:
        def look(part: Name | Has | Window | Prev) -> object | None:
            value = fields.get(part.name) if isinstance(part, Name | Has) else None
            return value is not None if isinstance(part, Has) else value

        for field in blame(node, look):
            self._journal.unknown[self.plan.rule.id, field] += 1


class Watch:
    """What a sequence sees of one topic: *selector* says which events."""

    def __init__(self, sequencer: Sequencer, topic: TopicState, selector: Selector) -> None:
        self.selector = selector
        self.runners = [sequencer.runner]
        self.per = sequencer.plan.rule.per
        self._sequencer = sequencer
        self._topic = topic

    def see(self, event: Event, key: Key) -> None:
        """Give it *event*."""
        self._sequencer.take(self._topic, event, key)

    def learn(self, event: Event, key: Key) -> None:
        """Give it *event*, which is decided already."""
        self._sequencer.learn(self._topic, event, key)
