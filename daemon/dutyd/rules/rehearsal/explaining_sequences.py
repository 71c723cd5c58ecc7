"""Explain a rule with a ``sequence`` at an event: which item the event is, and what the sequence waits for.

``explain_sequence`` judges events with the real engine and looks at how far it was before the last of them and after.
Called by ``explaining``.
"""

import math
from collections.abc import Mapping, Sequence

from dutyd.core.event import Event
from dutyd.core.expr import Explained, Look, explain
from dutyd.core.expr.text import duration_text
from dutyd.core.expr.tree import Has, Name, Prev, Window
from dutyd.core.incident import TriggerKind
from dutyd.core.instant import instant_text
from dutyd.core.opening import Sequence as Items
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Change, Counts, Phase, Plan, State, judge, tick
from dutyd.evaluate.engine.compiled.sequence import ITEMS
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.latches.progress import Done, items_seen

Standing = tuple[Done, ...]


class Watched:
    """A sequence at the last of *events*, each of the topic beside it.

    Attributes:
        changes: what the last event opened or cleared.
        counts: of the last event.
        parts: what was asked of it: ``where`` of each item of its topic, and ``unless``.

    """

    def __init__(self, planned: Plan, rule: Rule, key: Key, events: Sequence[Event], topics: Sequence[str]) -> None:
        assert rule.sequence is not None
        self.rule, self.sequence, self.key, self.last, self.topic = rule, rule.sequence, key, events[-1], topics[-1]
        self.state = State()
        for event, topic in zip(events[:-1], topics, strict=False):
            judge(planned, self.state, topic, [event])
        tick(planned, self.state, math.nextafter(self.last.time, -math.inf))
        self.state.take_counts()
        self.before = self._standing()
        found = [*judge(planned, self.state, self.topic, [self.last]), *tick(planned, self.state, self.last.time)]
        self.changes: list[Change] = [change for change in found if change.decided == self.last.time]
        self.after = self._standing()
        self.counts: Counts = self.state.take_counts()

    def _standing(self) -> Standing:
        sequencer = self.state.sequences.get(self.rule.id)
        progress = None if sequencer is None else sequencer.progress.get(self.key)
        none: Standing = ((),) * (len(self.sequence.items) - 1)
        return none if progress is None else progress.done or none

    def parts(self) -> dict[str, Explained]:
        """Return what the items and the guard of the event's topic came to."""
        found: dict[str, Explained] = {}
        for at, item in enumerate(self.sequence.items):
            if item.topic == self.topic and item.where is not None:
                way = self.before[at - 1] if at else ()
                found[f"item {item.name}"] = explain(item.where, self._look(way))
        guard = self.sequence.unless
        if guard is not None and guard.topic == self.topic:
            way = next((way for way in reversed(self.before) if way), ())
            found["unless"] = explain(guard.where, self._look(way))
        return found

    def verdict(self, parts: Mapping[str, Explained]) -> str:
        """Say what the event makes of the sequence."""
        if self.changes:
            return _CHANGED[self.changes[-1].kind]
        latches = self.state.latches.get(self.rule.id)
        latch = None if latches is None else latches.get(self.key)
        if latch is not None and latch.phase is Phase.FIRING:
            return f"the incident of {instant_text(latch.opened)} stays open"
        moved = [way for way, before in zip(self.after, self.before, strict=True) if way != before]
        if any(moved):
            return _moved(self.sequence, max(moved, key=len))
        if any(self.before) and self.after != self.before:
            begun = min(way[0].time for way in self.before if way)
            return f"it breaks the sequence that began at {instant_text(begun)}: `unless` is true"
        return self._nothing(parts)

    def _nothing(self, parts: Mapping[str, Explained]) -> str:
        items = self.sequence.items
        for at, item in enumerate(items):
            part = parts.get(f"item {item.name}")
            fits = part is None or part.value is True or (part.value is None and ITEMS in part.unknown)
            if at and fits and item.topic == self.topic:
                before, within = items[at - 1].name, duration_text(self.sequence.within)
                return f"it opens nothing: it is '{item.name}', and '{before}' was not before it within {within}"
        return "it opens nothing: it is no item of the sequence"

    def _look(self, way: Done) -> Look:
        fields = self.last.fields | items_seen(self.sequence.items, way)

        def look(node: Name | Has | Window | Prev) -> object | None:
            value = fields.get(node.name) if isinstance(node, Name | Has) else None
            return value is not None if isinstance(node, Has) else value

        return look


_CHANGED = {
    TriggerKind.OPENED: "it opens an incident: the sequence is whole",
    TriggerKind.CHANGED: "the incident goes on",
    TriggerKind.CLEARED: "it clears the incident",
}


def _moved(sequence: Items, way: Done) -> str:
    count, names = len(way), [item.name for item in sequence.items]
    until = instant_text(way[0].time + sequence.within)
    return f"it is item {count} of {len(names)}, '{names[count - 1]}': '{names[count]}' must follow by {until}"
