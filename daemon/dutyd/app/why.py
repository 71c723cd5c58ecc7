"""Why something happened, or nothing did: the path of one entity or event, from its offset to what came of it.

``look`` reads the source topics again as the evaluator would, explains each rule at the entity's last event, and asks
the ledger for the incidents of that time. It changes nothing and needs no daemon. Called by ``dutyd why``.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dutyd.app.world import World
from dutyd.core.event import Event
from dutyd.core.rule import Rule
from dutyd.core.topic import Topic, task_name
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.engine import horizon, plan
from dutyd.evaluate.engine.entities import entity_value
from dutyd.rules.rehearsal.explaining import Told, explain_rule
from dutyd.rules.rehearsal.histories import of_topic

REMEMBERED = 20_000
"""Events of one entity that are judged again; what lies before them is not looked at."""

SPANS = ((3_600.0, 3_600.0), (86_400.0, 86_400.0), (7 * 86_400.0, math.inf))
"""Seconds of arrival before and behind the time that is asked for: where nothing is found, the next ones are read.

An event arrives when it happened, or later: none that counts lies before; what was published long after is found, too.
"""

Row = dict[str, Any]
Span = tuple[float | None, float | None]
Show = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for.

    Attributes:
        entity: field to value; empty where an event is named.
        event: the id of an event; empty where an entity is named.
        until: epoch seconds: later events did not happen yet.
        since: epoch seconds: topics are read from there on; None: near *until* first, then farther around it.
        opened: epoch seconds: when the first of its incidents opened that were open then; None: there is none.
        rule, topic: only these; empty: all.

    """

    entity: Mapping[str, str] = field(default_factory=dict)
    event: str = ""
    until: float = 0.0
    since: float | None = None
    opened: float | None = None
    rule: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """The last event of an entity in one topic, and what each rule made of it.

    Attributes:
        place: topic/partition, by its real name.
        decided: whether the evaluator has decided on it; None: it has decided nothing in this topic yet.
        before: how many events of the entity were judged before it.

    """

    topic: str
    place: str
    event: Event
    decided: bool | None
    before: int
    told: Sequence[Told]


@dataclass(slots=True)
class Reading:
    """What was read of a topic: records that held no event count as unread."""

    topic: str
    events: int = 0
    unread: int = 0


@dataclass(slots=True)
class Why:
    """The answer: what was read, and what was found in it."""

    read: list[Reading] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)


def look(world: World, rules: Mapping[str, Rule], asked: Asked, show: Show) -> Why:
    """Return what the topics say about what is *asked*; *show* is told how far a topic is read.

    Raises:
        NotReadyError: the broker or Redis does not answer.

    """
    found = Why()
    for alias, topic in world.settings.sources.items():
        members = [rule for rule in rules.values() if rule.topic == alias and _meant(rule, asked)]
        if members and asked.topic in ("", alias):
            found.seen += _in_topic(world, topic, members, asked, _Reader(world, topic, found, show))
    return found


def _meant(rule: Rule, asked: Asked) -> bool:
    return asked.rule in ("", rule.id) and asked.entity.keys() <= set(rule.per)


class _Reader:
    """Reads a topic within *span*, epoch seconds of arrival, as often as it is asked to."""

    def __init__(self, world: World, topic: Topic, found: Why, show: Show) -> None:
        self._world, self._topic, self._found, self._show = world, topic, found, show
        self._noted = Reading(topic.alias)
        self.span: Span = (None, None)
        found.read.append(self._noted)

    def of(self, alias: str) -> "_Reader":
        """Return a reader of another topic, within the same span."""
        other = _Reader(self._world, self._world.settings.sources[alias], self._found, self._show)
        other.span = self.span
        return other

    def events(self) -> Iterator[tuple[int, Event]]:
        """Yield each event with its partition."""
        since, until = (None if at is None else int(at * 1000) for at in self.span)
        total, read = self._world.records_in(self._topic.topic) if since is None and until is None else None, 0
        self._noted.events = self._noted.unread = 0
        for batch in of_topic(self._world.stream.scan(self._topic.topic, since, until), self._topic):
            self._noted.events += len(batch.events)
            self._noted.unread += len(batch.unread)
            read += batch.read
            self._show(read, total)
            yield from ((batch.partition, event) for event in batch.events)


def _spans(asked: Asked, rules: Sequence[Rule]) -> Iterator[Span]:
    """Yield what is read, one after the other, until something is found: windows and open incidents reach back."""
    if asked.since is not None:
        yield asked.since, None
        return
    reach = horizon(plan(rules)) + max((rule.hold + rule.keep + _span(rule) for rule in rules), default=0.0)
    farthest = asked.until - SPANS[-1][0]
    for before, behind in SPANS:
        begin = min(asked.until - before, math.inf if asked.opened is None else max(asked.opened, farthest))
        yield max(0.0, begin - reach), None if behind == math.inf else asked.until + behind


def _span(rule: Rule) -> float:
    return 0.0 if rule.sequence is None else rule.sequence.within


def _in_topic(world: World, topic: Topic, rules: Sequence[Rule], asked: Asked, reader: _Reader) -> Iterator[Seen]:
    for span in _spans(asked, rules):
        reader.span = span
        found = list(_in_span(world, topic, rules, asked, reader))
        if found:
            yield from found
            return


def _in_span(world: World, topic: Topic, rules: Sequence[Rule], asked: Asked, reader: _Reader) -> Iterator[Seen]:
    wanted = [(asked.entity, tuple(rules))] if asked.entity else _of_event(rules, asked, reader)
    histories = [deque[tuple[int, Event]](maxlen=REMEMBERED) for _ in wanted]
    for partition, event in _up_to(reader, asked) if wanted else ():
        for (entity, _), history in zip(wanted, histories, strict=True):
            if _is_of(event, entity):
                history.append((partition, event))
    for (_, members), history in zip(wanted, histories, strict=True):
        if history:
            seen = _seen(world, topic, members, _by_arrival(history, asked) if topic.rekey else history)
            several = [rule for rule in members if len(rule.topics) > 1]
            yield replace(seen, told=_with_other_topics(seen, several, history, reader)) if several else seen


def _with_other_topics(
    seen: Seen, several: Sequence[Rule], history: Sequence[tuple[int, Event]], reader: _Reader
) -> Sequence[Told]:
    """Return what was told, that of rules over *several* topics by the events of all of them."""
    found = {told.rule: told for told in seen.told}
    partition, last = history[-1]
    for rule in several:
        entity = {name: value for name in rule.per if (value := entity_value(last.fields.get(name))) is not None}
        merged = [(event, seen.topic) for number, event in history if number == partition and _is_of(event, entity)]
        for alias in sorted(rule.topics - {seen.topic}):
            events = reader.of(alias).events()
            own = ((number, event) for number, event in events if number == partition and event.time <= last.time)
            merged += [(event, alias) for _, event in own if _is_of(event, entity)]
        merged.sort(key=lambda each: (each[0].time, each[0] is last))
        found[rule.id] = explain_rule(rule, [event for event, _ in merged], [alias for _, alias in merged])
    return list(found.values())


def _by_arrival(history: Sequence[tuple[int, Event]], asked: Asked) -> Sequence[tuple[int, Event]]:
    """Return *history*, of several partitions, as rules by key are told of it."""
    ordered = sorted(history, key=lambda each: each[1].arrival)
    end = next((at for at, (_, event) in enumerate(ordered, 1) if event.id == asked.event), None)
    return ordered[:end]


def _up_to(reader: _Reader, asked: Asked) -> Iterator[tuple[int, Event]]:
    """Yield the events up to the time, or the event, that is asked for."""
    for partition, event in reader.events():
        if asked.event or event.time <= asked.until:
            yield partition, event
        if asked.event and event.id == asked.event:
            return


def _of_event(rules: Sequence[Rule], asked: Asked, reader: _Reader) -> list[tuple[Mapping[str, str], tuple[Rule, ...]]]:
    """Return the entities that the named event is of, each with its rules; none where there is no such event."""
    event = next((event for _, event in reader.events() if event.id == asked.event), None)
    if event is None:
        return []
    found: dict[tuple[str, ...], list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.per, []).append(rule)
    return [
        ({name: value for name in per if (value := entity_value(event.fields.get(name))) is not None}, tuple(members))
        for per, members in found.items()
    ]


def _is_of(event: Event, entity: Mapping[str, str]) -> bool:
    return all(entity_value(event.fields.get(name)) == value for name, value in entity.items())


def _seen(world: World, topic: Topic, rules: Sequence[Rule], history: Sequence[tuple[int, Event]]) -> Seen:
    partition, last = history[-1]
    everything = [event for _, event in history]
    events = [event for number, event in history if number == partition]
    return Seen(
        topic=topic.alias,
        place=f"{topic.topic}/{partition}",
        event=last,
        decided=_decided(world, topic, partition, last.offset),
        before=len(events) - 1,
        told=[
            explain_rule(rule, _of_same_entity(rule, events if topic.keeps_together(rule.per) else everything))
            for rule in rules
        ],
    )


def _of_same_entity(rule: Rule, events: Sequence[Event]) -> Sequence[Event]:
    """Return those of *events* that are of the last one's entity."""
    own = {name: entity_value(events[-1].fields.get(name)) for name in rule.per}
    return [event for event in events if all(entity_value(event.fields.get(name)) == own[name] for name in own)]


def _decided(world: World, topic: Topic, partition: int, offset: int) -> bool | None:
    checkpoint = Checkpoint(world.plain_redis, world.settings.installation)
    count = checkpoint.notes.counts().get(topic.topic)
    if count is None:
        return None
    task = task_name(topic, count, partition)
    at = checkpoint.progress([task])[task].offsets.get(topic.topic)
    return None if at is None else offset < at.offset
