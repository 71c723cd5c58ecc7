"""One topic of one task at work: events in the order of their records, each to the views that see it.

Drops what dutyd published itself and what was read before, finds the entity, looks up by ``where`` which views see the
event. Called by ``judge`` and ``replay`` for each batch; a batch is only a way to be called less often: every decision
is made event by event.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from dutyd.core.event import Event
from dutyd.evaluate.engine.duplicates import Duplicates
from dutyd.evaluate.engine.entities import Key, key_of
from dutyd.evaluate.engine.journal import Journal
from dutyd.evaluate.engine.latch import NOWHERE
from dutyd.evaluate.engine.plan import Limits, TopicPlan
from dutyd.evaluate.engine.tracks import Clock
from dutyd.evaluate.engine.unknown import Unknown, count_unknown
from dutyd.evaluate.engine.view import View

OWN = "dutyd"
"""The source of events that dutyd publishes about itself."""


class TopicState:
    """One topic.

    Attributes:
        limits: how much is remembered.
        clock: wakes quiet entities.
        views: by their keys.
        duplicates: what was read.
        offset: of the last record all of whose events are judged, or being judged, so far.
        skip_until: up to here some entity's events are decided already, by a trigger.
        counts: what was counted, by the names of ``Counts``.

    """

    def __init__(self, plan: TopicPlan, limits: Limits, clock: Clock, journal: Journal) -> None:
        self.plan = plan
        self.limits = limits
        self.clock = clock
        self.journal = journal
        self.duplicates = Duplicates(plan.lateness, limits.duplicates)
        self.offset = NOWHERE
        self.skip_until = NOWHERE
        self.counts: Counter[str] = Counter()
        self.views: dict[tuple[tuple[str, ...], str], View] = {}
        self._families: list[Family] = []
        self._late: Event | None = None

    def take(self, views: Iterable[View], old: "TopicState | None") -> None:
        """Have *views*, all there are, and go on where *old* was."""
        if old is not None:
            self.duplicates, self.offset, self.counts = old.duplicates, old.offset, old.counts
        self.views = {view.plan.key: view for view in views}
        by_per: dict[tuple[str, ...], list[View]] = {}
        for view in self.views.values():
            by_per.setdefault(view.plan.key[0], []).append(view)
        self._families = [Family(per, members) for per, members in by_per.items()]
        self.duplicates.on_forget = self._forget

    def judge(self, events: Sequence[Event]) -> None:
        """Judge *events*."""
        if events and self.skip_until < events[0].offset:
            self._end_skips()
        for event in events:
            if event.source == OWN:
                self.counts["own"] += 1
            elif self.duplicates.saw(event):
                self.counts["duplicates"] += 1
            else:
                self.offset = event.offset - 1
                for family in self._families:
                    family.show(event, View.see, self.counts)
        if events:
            self.counts["events"] += len(events)
            self.offset = events[-1].offset

    def replay(self, events: Sequence[Event]) -> None:
        """Take note of *events* without judging them, or counting anything."""
        ignored: Counter[str] = Counter()
        for event in events:
            if event.source != OWN and not self.duplicates.saw(event):
                for family in self._families:
                    family.show(event, View.replay, ignored)
        if events:
            self.offset = events[-1].offset

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
            view.forget()

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

    def count_overflow(self) -> Iterator[tuple[str, int]]:
        """Yield, and forget, how often a rule that remembers more than latches found no room for an entity."""
        for view in self.views.values():
            for runner in view.runners if view.overflow else ():
                if runner.conditions.windows or runner.conditions.prevs:
                    yield runner.conditions.rule.id, view.overflow
            view.overflow = 0


class Family:
    """The views of one topic with equal ``per``: an event belongs to one entity in all of them."""

    def __init__(self, per: tuple[str, ...], views: Sequence[View]) -> None:
        """Sort *views* by how they choose their events."""
        self._per = per
        self._single = per[0] if len(per) == 1 else None
        self._all: list[View] = []
        self._tested: list[View] = []
        self._chosen: dict[str, dict[str, list[View]]] = {}
        self._missing: Counter[tuple[View, str]] = Counter()
        self._missing_field: Counter[str] = Counter()
        for view in views:
            selector = view.plan.selector
            if selector.field is not None:
                self._chosen.setdefault(selector.field, {}).setdefault(selector.text, []).append(view)
            else:
                (self._all if selector.rest is None else self._tested).append(view)

    def show(self, event: Event, act: Callable[[View, Event, Key], None], counts: Counter[str]) -> None:
        """Call *act* with every view that sees *event*, and its entity."""
        fields = event.fields
        key: Key | None = fields.get(self._single) if self._single is not None else None
        if key.__class__ is not str:
            key = key_of(self._per, fields.get)
            if key is None:
                counts["no_entity"] += 1
                return
        for view in self._all:
            act(view, event, key)
        for field, by_text in self._chosen.items():
            text = fields.get(field)
            for view in by_text.get(text, ()) if text.__class__ is str else ():
                if view.plan.selector.rest is None or self._passes(view, fields):
                    act(view, event, key)
            if text is None:
                self._missing_field[field] += 1
        for view in self._tested:
            if self._passes(view, fields):
                act(view, event, key)

    def _passes(self, view: View, fields: Mapping[str, Any]) -> bool:
        selector = view.plan.selector
        assert selector.rest is not None
        try:
            passes = selector.rest(fields.get)
        except Exception as error:  # noqa: BLE001  # one rule's fault must not stop the others
            for runner in view.runners:
                runner.fail(error)
            return False
        if passes is None:
            self._missing.update((view, name) for name in selector.names if fields.get(name) is None)
        return passes is True

    def count_unknown(self) -> Iterator[Unknown]:
        """Yield, and forget, how often ``where`` was unknown."""
        for field, missed in self._missing_field.items():
            for view in (view for views in self._chosen[field].values() for view in views):
                yield from (((runner.conditions.rule.id, field), missed) for runner in view.runners)
        for (view, name), missed in self._missing.items():
            yield from (((runner.conditions.rule.id, name), missed) for runner in view.runners)
        self._missing_field.clear()
        self._missing.clear()
