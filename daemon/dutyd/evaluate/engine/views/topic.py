"""One topic of one task at work: events in the order of their records, each to the views that see it.

Drops what dutyd published itself and what was read before, finds the entity, looks up by ``where`` which views see the
event. Called by ``judge`` and ``replay`` for each batch; a batch is only a way to be called less often: every decision
is made event by event.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from dutyd.core.event import OWN_SOURCE, Event
from dutyd.evaluate.engine.compiled.plan import Limits, TopicPlan, ViewPlan
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.latches.journal import Journal
from dutyd.evaluate.engine.latches.latch import NOWHERE
from dutyd.evaluate.engine.snapshots.snapshot import view_name
from dutyd.evaluate.engine.snapshots.trickle import Trickle
from dutyd.evaluate.engine.views.duplicates import Duplicates
from dutyd.evaluate.engine.views.family import Chooses, Family
from dutyd.evaluate.engine.views.going_on import replay
from dutyd.evaluate.engine.views.unknown import Unknown, count_unknown
from dutyd.evaluate.engine.views.view import View
from dutyd.evaluate.engine.windows.tracks import Clock


class Watch(Chooses, Protocol):
    """What wants to see events of a topic beside the views: a sequence (``sequences``)."""

    @property
    def per(self) -> tuple[str, ...]:
        """The fields whose values make the entity."""
        ...

    def see(self, event: Event, key: Key) -> None:
        """Judge *event* of the entity *key*."""
        ...

    def learn(self, event: Event, key: Key) -> None:
        """Take note of *event*, which is decided already."""
        ...


class TopicState:
    """One topic.

    Attributes:
        limits: how much is remembered.
        clock: wakes quiet entities.
        views: by their keys.
        duplicates: what was read.
        skip_until: up to here some entity's events are decided already, by a trigger.
        counts: what was counted, by the names of ``Counts``.
        trickle: its snapshots; None: it has none.

    """

    def __init__(
        self, plan: TopicPlan, limits: Limits, clock: Clock, journal: Journal, trickle: Trickle | None = None
    ) -> None:
        self.plan = plan
        self.trickle = trickle
        self.limits = limits
        self.clock = clock
        self.journal = journal
        self.duplicates = Duplicates(plan.lateness, limits.duplicates)
        self._offset = NOWHERE
        self._current: Event | None = None
        self.skip_until = NOWHERE
        self.counts: Counter[str] = Counter()
        self.views: dict[tuple[tuple[str, ...], str], View] = {}
        self._families: list[Family[View]] = []
        self._watching: list[tuple[Family[Watch], Counter[str]]] = []
        self._late: Event | None = None

    def name_of(self, view: ViewPlan) -> str:
        """Return what the snapshots of *view* are called; empty: it has none."""
        has = self.trickle is not None and view.has_snapshots(self.limits)
        return view_name(self.plan.alias, *view.key) if has else ""

    def take(self, views: Iterable[View], old: "TopicState | None") -> None:
        """Have *views*, all there are, and go on where *old* was."""
        if old is not None:
            self.duplicates, self.counts, self._offset = old.duplicates, old.counts, old.offset
        self.views = {view.plan.key: view for view in views}
        by_per: dict[tuple[str, ...], list[View]] = {}
        for view in self.views.values():
            by_per.setdefault(view.plan.key[0], []).append(view)
        self._families = [Family(per, members) for per, members in by_per.items()]
        self.duplicates.on_forget = self._forget

    def watch(self, watches: Iterable[Watch]) -> None:
        """Show events to *watches*, too, after the views."""
        by_per: dict[tuple[str, ...], list[Watch]] = {}
        for each in watches:
            by_per.setdefault(each.per, []).append(each)
        judged = {family.per for family in self._families}
        self._watching = [
            (Family(per, members), Counter[str]() if per in judged else self.counts) for per, members in by_per.items()
        ]

    @property
    def offset(self) -> int:
        """Of the last record all of whose events are judged: what a timer that is due now may rest on."""
        return self._offset if self._current is None else self._current.offset - 1

    def judge(self, events: Sequence[Event]) -> None:
        """Judge *events*."""
        if not events:
            return
        if NOWHERE < self.skip_until < events[0].offset:
            self._end_skips()
        duplicates, families, counts, see = self.duplicates, self._families, self.counts, View.see
        found, ahead = duplicates.found, duplicates.ahead
        for event in duplicates.fresh(events):
            if event.source == OWN_SOURCE:
                counts["own"] += 1
                continue
            self._current = event
            for family in families:
                family.show(event, see, counts)
            for watching, missing in self._watching:
                watching.show(event, _see, missing)
        counts["events"] += len(events)
        counts["duplicates"] += duplicates.found - found
        counts["ahead"] += duplicates.ahead - ahead
        self._current, self._offset = None, events[-1].offset

    def replay(self, events: Sequence[Event], *, learns: bool = False) -> None:
        """Take note of *events* without judging them, or counting anything; with *learns*, of sequences, too."""
        ignored: Counter[str] = Counter()
        for event in self.duplicates.fresh(events):
            if event.source != OWN_SOURCE:
                for family in self._families:
                    family.show(event, replay, ignored)
                for watching, _ in self._watching if learns else ():
                    watching.show(event, _learn, ignored)
        if events:
            self._offset = events[-1].offset

    def count_late(self, event: Event) -> None:
        """Count *event* as late, once however many views say so."""
        if event is not self._late:
            self._late = event
            self.counts["late"] += 1

    def rules(self) -> Iterator[str]:
        """Yield the ids of all rules."""
        return (rule.rule.id for view in self.plan.views for rule in view.rules)

    def newest(self) -> float:
        """Return the newest event time that is remembered, seconds since the epoch; minus infinity without one."""
        return max((view.newest() for view in self.views.values()), default=-math.inf)

    def _forget(self) -> None:
        for view in self.views.values():
            view.quiet.forget()

    def _end_skips(self) -> None:
        for view in self.views.values():
            for runner in view.runners:
                runner.skips.clear()
        self.skip_until = NOWHERE

    def count_unknown(self) -> Iterator[Unknown]:
        """Yield, and forget, how often a rule found no usable value in a field."""
        for view in self.views.values():
            yield from count_unknown(view)
        for family in self._families:
            yield from family.count_unknown()
        for watching, _ in self._watching:
            yield from watching.count_unknown()

    def count_overflow(self) -> Iterator[tuple[str, int]]:
        """Yield, and forget, how often a rule that remembers more than latches found no room for an entity."""
        for view in self.views.values():
            for runner in view.runners if view.overflow else ():
                if runner.conditions.windows or runner.conditions.prevs:
                    yield runner.conditions.rule.id, view.overflow
            view.overflow = 0


def _see(watch: Watch, event: Event, key: Key) -> None:
    watch.see(event, key)


def _learn(watch: Watch, event: Event, key: Key) -> None:
    watch.learn(event, key)
