"""The engine's meaning, written to be read: every event asks every rule, by the tree-walking evaluator, nothing shared.

Property tests hold ``dutyd.evaluate.engine`` against it. It knows the rules (where, per, when, clear, for,
prev, windows, late events, timers) and one thing of the engine's own: that a window is cut into panes on a grid.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from dutyd.core.event import Event
from dutyd.core.expr import Look, Node, evaluate
from dutyd.core.expr.tree import Has, Name, Prev, Window, walk
from dutyd.core.opening import Sequence as Sequences
from dutyd.core.rule import Rule


class Told(NamedTuple):
    """What a change comes to."""

    rule: str
    entity: tuple[str, ...]
    kind: str
    occurrence: str
    opened: float
    decided: float
    event: str
    fields: str
    let: str
    round: int
    because: str


class _Sample(NamedTuple):
    time: float
    value: float


class _Entity:
    """One rule, one entity."""

    def __init__(self, rule: Rule, entity: tuple[str, ...], topics: Mapping[str, str]) -> None:
        self.rule = rule
        self.topics = topics
        self.past: list[Event] = []  # since the last whole sequence
        self.ways: dict[tuple[int, int], list[Event] | None] = {}  # what ``_way`` found among them
        self.items: dict[str, object] = {}  # what was seen of the items of the sequence that opened
        self.entity = entity
        self.phase = "inactive"
        self.since = 0.0
        self.occurrence = ""
        self.opened = self.acted = 0.0
        self.round = 1
        self.ending: float | None = None  # since when what clears is true, while `keep_firing_for` runs
        self.newest = -math.inf
        self.ended = False  # by time, since the last event: only an event opens it again
        self.last: Event | None = None
        self.before: Event | None = None
        self.shown = ("", "", "")
        roots = [rule.when.root, *([rule.clear.root] if rule.clear else [])]
        self.let = {name: expression.root for name, expression in rule.let.items()}
        read = {node for root in roots for node in self._walk(root)}
        self.deciding = {node for node in read if isinstance(node, Window)}
        every = read | {node for root in self.let.values() for node in self._walk(root)}
        self.windows: dict[Window, list[_Sample]] = {node: [] for node in every if isinstance(node, Window)}
        self.counters: dict[tuple[Window, object], _Sample] = {}
        self.seen: dict[Window, float] = {}  # when the field of an `absent` was last there
        self.expired: set[Window] = set()

    def _walk(self, root: Node) -> Iterator[Node]:
        for node in walk(root):
            if isinstance(node, Name) and node.name in self.let:
                yield from self._walk(self.let[node.name])
            else:
                yield node

    def _panes(self, window: Window, now: float) -> list[list[_Sample]]:
        """Return the panes that are in *window* at *now*, oldest first, and forget the others."""
        width = window.seconds / 60
        panes: dict[int, list[_Sample]] = {}
        for sample in self.windows[window]:
            panes.setdefault(math.floor(sample.time / width), []).append(sample)
        kept = [pane for _, pane in sorted(panes.items()) if min(pane).time + window.seconds > now]
        self.windows[window] = [sample for pane in kept for sample in pane]
        return kept

    def let_go(self, now: float) -> None:
        """Forget the panes that have left by *now*."""
        for window in self.windows:
            self._panes(window, now)

    def _due(self) -> float:
        """Return when the next timer is due."""
        dues = [due for due, _ in self._terms()]
        for window in self.deciding:
            if window in self.seen and window not in self.expired:
                dues.append(self.seen[window] + window.seconds)
            dues += [min(pane).time + window.seconds for pane in self._panes(window, -math.inf)[:1]]
        return min(dues, default=math.inf)

    def _terms(self) -> list[tuple[float, str]]:
        """Return what time alone does to the latch: when, and what; in the order in which it goes at equal times."""
        rule = self.rule
        if self.phase == "pending":
            return [(self.since + rule.hold, "opens")]
        terms: list[tuple[float, str]] = []
        if self.phase == "firing":
            if self.ending is not None:
                terms.append((self.ending + rule.keep, "clear"))
            if rule.expire is not None:
                terms.append((self.opened + rule.expire, "expired"))
            if rule.silent is not None and rule.silent.then == "end":
                terms.append((max(self.opened, self.newest) + rule.silent.after, "silent"))
            if rule.again is not None and (rule.again.at_most is None or self.round <= rule.again.at_most):
                terms.append((max(self.opened, self.acted) + rule.again.every, "again"))
        return terms

    def _value(self, window: Window, now: float) -> float | None:
        if window.function == "absent":
            return now >= self.seen[window] + window.seconds
        values = [sample.value for pane in self._panes(window, now) for sample in pane]
        match window.function:
            case "count":
                return float(len(values))
            case "sum":
                return float(sum(values))
        if not values:
            return None
        if window.function in ("rate", "delta"):
            return sum(values) / (window.seconds if window.function == "rate" else 1)
        return {"avg": sum(values) / len(values), "min": min(values), "max": max(values)}[window.function]

    def _look(self, now: float) -> Look:
        def look(node: Name | Has | Window | Prev) -> object | None:
            assert self.last is not None
            if isinstance(node, Window):
                return self._value(node, now)
            if isinstance(node, Prev):
                return None if self.before is None else self.before.fields.get(node.field)
            if isinstance(node, Has):
                return self.last.fields.get(node.name) is not None
            if node.name in self.let:
                return evaluate(self.let[node.name], look)
            return self.last.fields.get(node.name)

        return look

    def take(self, event: Event) -> Iterator[Told]:
        """Judge *event*, which the rule sees."""
        if self.rule.opens == "each_event":
            yield from self._each(event)
            return
        if self.last is not None and event.time < self.last.time:
            self._sample(event, self.last.time)
            return
        topic = self.topics.get(event.id, self.rule.topic)
        yield from self.fire(event.time, inclusive=False)
        self.ended = False
        self.before, self.last, self.newest = self.last, event, event.time
        self._sample(event, event.time)
        if topic == self.rule.topic:
            yield from self._decide(event.time, event.identity)
        if self.rule.sequence is not None:
            yield from self._follow(self.rule.sequence, event)

    def _follow(self, sequence: Sequences, event: Event) -> Iterator[Told]:
        """Look for a whole sequence that ends with *event*."""
        self.past.append(event)
        whole = self._newest(sequence, len(sequence.items) - 1, len(self.past), last=True)
        if whole is None:
            return
        self.past, self.ways = [], {}
        items = self._seen(whole)
        self.last = msgspec.structs.replace(event, fields=event.fields | items)
        if self.rule.momentary:
            self.items, self.occurrence, self.opened = items, event.identity, event.time
            yield self._told("opened", event.time)
        elif self.phase == "inactive" and not self._clears(event):
            self.items, self.occurrence = items, event.identity
            yield self._open(event.time)
        else:
            self.last = event

    def _clears(self, event: Event) -> bool:
        return self.rule.clear is not None and evaluate(self.rule.clear.root, self._look(event.time)) is True

    def _way(self, sequence: Sequences, at: int, end: int) -> list[Event] | None:
        if (at, end) not in self.ways:
            self.ways[at, end] = self._newest(sequence, at, end)
        return self.ways[at, end]

    def _newest(self, sequence: Sequences, at: int, end: int, *, last: bool = False) -> list[Event] | None:
        """Return the newest events before *end* that are the items up to *at*; *last*: the very last must be one."""
        for index in reversed(range(end)):
            event, item = self.past[index], sequence.items[at]
            before = self._way(sequence, at - 1, index) if at else []
            fits = before is not None and not (before and event.time - before[0].time > sequence.within)
            if fits and before is not None and not self._breaks(sequence, index):
                seen = self._passing({**event.fields, **self._seen(before)})
                if self._topic(event) == item.topic and (item.where is None or evaluate(item.where, seen) is True):
                    way = [*before, event]
                    broken = any(self._breaks(sequence, later, way) for later in range(index + 1, end))
                    return None if broken else way
            if last:
                return None
        return None

    def _breaks(self, sequence: Sequences, index: int, way: Sequence[Event] | None = None) -> bool:
        """Return whether the event at *index* breaks *way*; None: whether it breaks anything there is."""
        guard, event = sequence.unless, self.past[index]
        if guard is None or self._topic(event) != guard.topic:
            return False
        if way is not None:
            return evaluate(guard.where, self._passing({**event.fields, **self._seen(way)})) is True
        if evaluate(guard.where, self._passing(event.fields)) is True:
            return True
        ways = [self._way(sequence, at, index) for at in range(len(sequence.items) - 1)]
        soon = event.time - sequence.within
        return any(self._breaks(sequence, index, way) for way in ways if way and way[0].time >= soon)

    def _topic(self, event: Event) -> str:
        return self.topics.get(event.id, self.rule.topic)

    def _seen(self, way: Sequence[Event]) -> dict[str, object]:
        assert self.rule.sequence is not None
        pairs = zip(self.rule.sequence.items, way, strict=False)
        return {f"items.{item.name}.{field}": value for item, event in pairs for field, value in event.fields.items()}

    def _passing(self, fields: Mapping[str, object]) -> Look:
        def look(node: Name | Has | Window | Prev) -> object | None:
            assert isinstance(node, Name | Has)
            value = fields.get(node.name)
            return value is not None if isinstance(node, Has) else value

        return look

    def _each(self, event: Event) -> Iterator[Told]:
        self.last = event
        if evaluate(self.rule.when, self._look(event.time)) is True:
            self.occurrence, self.opened = event.identity, event.time
            yield self._told("opened", event.time)

    def _sample(self, event: Event, now: float) -> None:
        def look(node: Name | Has | Window | Prev) -> object | None:
            assert isinstance(node, Name | Has)
            value = event.fields.get(node.name)
            return value is not None if isinstance(node, Has) else value

        for window in self.windows:
            self._panes(window, now)
            if window.function == "absent":
                self._see(window, event, passes=window.filter is None or evaluate(window.filter, look) is True)
                continue
            value = 1.0 if window.field is None else event.fields.get(window.field)
            passes = window.filter is None or evaluate(window.filter, look) is True
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (is_number and passes and event.time + window.seconds > now):
                continue
            sample = _Sample(event.time, float(value))  # type: ignore[arg-type]  # just checked
            moved = self._moved(window, event, sample) if window.function in ("rate", "delta") else sample
            if moved is not None:
                self.windows[window].append(moved)

    def _see(self, window: Window, event: Event, *, passes: bool) -> None:
        there = passes and event.fields.get(window.field or "") is not None
        if there or window not in self.seen:
            self.seen[window] = max(event.time, self.seen.get(window, -math.inf))
            self.expired.discard(window)

    def _moved(self, window: Window, event: Event, sample: _Sample) -> _Sample | None:
        """Return how far a counter moved since its sample before."""
        series = None if window.by is None else event.fields.get(window.by)
        if window.by is not None and series is None:
            return None
        before = self.counters.get((window, series))
        if before is not None and sample.time < before.time:
            return None
        self.counters[window, series] = sample
        if before is None or before.time + window.seconds <= sample.time:
            return None
        change = sample.value - before.value
        return _Sample(sample.time, sample.value if window.function == "rate" and change < 0 else change)

    def fire(self, until: float, *, inclusive: bool) -> Iterator[Told]:
        """Let time pass."""
        while (due := self._due()) < until or (inclusive and due == until):
            leaves = False
            for window in self.deciding:
                before = len(self.windows[window])
                self._panes(window, due)
                leaves |= len(self.windows[window]) < before
                if window in self.seen and window not in self.expired and self.seen[window] + window.seconds <= due:
                    self.expired.add(window)
                    leaves = True
            if leaves and self.last is not None and due != self.last.time:
                yield from self._decide(due, f"{self.last.identity}|{due:.6f}")
            term = next((what for at, what in self._terms() if at == due), None)
            if term == "opens":
                yield self._open(due)
            elif term == "again":
                self.round, self.acted = self.round + 1, due
                yield self._told("changed", due)
            elif term is not None:
                self.phase, self.ended = "inactive", True
                yield self._told("cleared", due, term)

    def _open(self, now: float) -> Told:
        self.phase, self.opened, self.acted, self.round, self.ending = "firing", now, 0.0, 1, None
        return self._told("opened", now)

    def _decide(self, now: float, occurrence: str) -> Iterator[Told]:
        look = self._look(now)
        when = evaluate(self.rule.when, look)
        clear = None if self.rule.clear is None else evaluate(self.rule.clear, look)
        if self.phase == "inactive":
            if when is True and clear is not True and not self.ended:
                self.since, self.occurrence = now, occurrence
                self.phase = "pending" if self.rule.hold > 0 else "firing"
                if self.phase == "firing":
                    yield self._open(now)
        elif self.phase == "pending":
            if when is False or clear is True:
                self.phase = "inactive"
        else:
            clears = clear if self.rule.clear is not None else None if when is None else when is False
            clears = False if self.rule.sequence is not None and self.rule.clear is None else clears
            if self.ending is not None:
                self.ending = None if clears is False else self.ending
            elif clears is True and self.rule.keep > 0:
                self.ending = now
            elif clears is True:
                self.phase = "inactive"
                yield self._told("cleared", now, "clear")

    def _told(self, kind: str, now: float, because: str = "") -> Told:
        assert self.last is not None
        self.last = msgspec.structs.replace(self.last, fields=self.last.fields | self.items)
        look = self._look(now)
        let = {name: evaluate(node, look) for name, node in self.let.items()}
        decided = max(now, self.opened)
        seen = (self.last.identity, repr(self.last.fields), repr(let))
        if len(self.rule.topics) > 1:  # its opening is what it shows to the end
            self.shown = seen if kind == "opened" else self.shown
            seen = self.shown
        round_ = self.round if self.rule.opens == "on_change" else 1
        return Told(self.rule.id, self.entity, kind, self.occurrence, self.opened, decided, *seen, round_, because)


class Reference:
    """All rules of one topic."""

    def __init__(self, rules: Sequence[Rule], topics: Mapping[str, str] | None = None) -> None:
        """*topics*: the id of each event to the alias of its topic, where that is not the rules' own."""
        self._rules = rules
        self._topics = topics or {}
        self._entities: dict[tuple[str, tuple[str, ...]], _Entity] = {}
        self._seen: set[str] = set()

    def judge(self, events: Sequence[Event]) -> list[Told]:
        """Judge *events*, arriving close together."""
        return [told for event in events for told in self._event(event)]

    def tick(self, watermark: float) -> list[Told]:
        """Fire what is due at or before *watermark*; panes that have left by then are gone, whoever reads them."""
        found = [told for each in self._entities.values() for told in each.fire(watermark, inclusive=True)]
        for each in self._entities.values():
            each.let_go(watermark)
        return found

    def _event(self, event: Event) -> Iterator[Told]:
        if event.source == "dutyd" or event.identity in self._seen:
            return
        self._seen.add(event.identity)
        for rule in self._rules:
            if self._topics.get(event.id, rule.topic) not in rule.topics:
                continue
            entity = _entity(rule, event.fields)
            if entity is None or (rule.where is not None and evaluate(rule.where, _fields(event)) is not True):
                continue
            key = (rule.id, entity)
            yield from self._entities.setdefault(key, _Entity(rule, entity, self._topics)).take(event)

    def phases(self) -> dict[tuple[str, tuple[str, ...]], str]:
        """Return what is not inactive."""
        return {key: each.phase for key, each in self._entities.items() if each.phase != "inactive"}


def _entity(rule: Rule, fields: Mapping[str, object]) -> tuple[str, ...] | None:
    values: list[str] = []
    for name in rule.per:
        value = fields.get(name)
        if isinstance(value, bool):
            values.append(str(value).lower())
        elif isinstance(value, str):
            values.append(value)
        elif isinstance(value, int | float) and value == int(value):
            values.append(str(int(value)))
        else:
            return None
    return tuple(values)


def _fields(event: Event) -> Look:
    def look(node: Name | Has | Window | Prev) -> object | None:
        assert isinstance(node, Name | Has)
        value = event.fields.get(node.name)
        return value is not None if isinstance(node, Has) else value

    return look
