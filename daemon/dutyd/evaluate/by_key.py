"""Events on their way to the entities of rules that the keys of their source topic do not fit: routes and records.

A rule whose ``per`` does not contain what a topic is partitioned by sees its events on the topic's *by-key* topic. The
task of a source partition carries each event there that such a rule sees, once for each different ``per`` and keyed by
its values; so all events of an entity lie in one partition. One topic serves all sets of fields: which rules there are
changes while dutyd runs, and topics, rights and subscriptions need not change with them. The record says which set it
is for, and the engine knows each as a topic of its own, a *channel*.

The decoded event travels, not the bytes of its record: so its identity, its arrival and with them the incident ids are
the same whichever way it goes, also where the record held many events or the id was the record's place. Pure;
``plans`` makes routes, ``tasks`` carries, ``sources`` reads.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from dutyd.core.event import OWN_SOURCE, Event
from dutyd.core.expr import to_text
from dutyd.core.expr.compiler import Get, compile_predicate
from dutyd.core.opening import Opens
from dutyd.core.rule import Rule
from dutyd.core.topic import Topic, by_key_alias, record_key
from dutyd.core.version import VERSION, decode
from dutyd.evaluate.engine.entities import entity_of, key_of


class Carried(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record of a by-key topic.

    Attributes:
        partition: the source partition that it is from.
        upto: all events of that partition that arrived before this time, seconds since the epoch, were carried before.
        per: the fields that the event is keyed by.
        event: as it was decoded; its offset is that of its record in the source. None: the record is only a mark.

    """

    partition: int
    upto: float
    per: tuple[str, ...] = ()
    event: Event | None = None
    v: int = VERSION


class Outward(NamedTuple):
    """A record to be produced to a by-key topic; without *key* to exactly the partition *number*."""

    topic: str
    key: bytes | None
    value: bytes
    number: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """What rules of one topic and ``per`` need.

    Attributes:
        per: their fields.
        views: the texts of their ``where``; empty where one has none.
        sees: tells of an event's fields whether one of them sees it.

    """

    per: tuple[str, ...]
    views: frozenset[str]
    sees: tuple[Callable[[Get], bool | None], ...]

    def passes(self, event: Event) -> bool:
        """Whether a rule sees *event*; where one fails on it, whoever judges it there says so."""
        try:
            return not self.sees or any(sees(event.fields.get) is True for sees in self.sees)
        except Exception:  # noqa: BLE001  # a rule's fault is the engine's to count
            return True


_decoder = msgspec.json.Decoder(Carried)
_encoder = msgspec.json.Encoder()


def channel(alias: str, per: tuple[str, ...]) -> str:
    """Return the name under which the engine knows the events of topic *alias* by the fields *per*."""
    return f"{alias} by {','.join(per)}"


def source_of(channel_: str) -> str:
    """Return the alias of the topic that *channel_* is of; what is no channel comes back as it is."""
    return channel_.partition(" by ")[0]


def topic_of(name: str) -> str:
    """Return the alias of the topic whose partitions hold *name*, a channel or a topic's alias."""
    alias = source_of(name)
    return name if alias == name else by_key_alias(alias)


def is_routed(rule: Rule, topics: Mapping[str, Topic]) -> bool:
    """Whether *rule* needs its events by key; *topics* by alias. One that opens for each event keeps no state, and a
    sequence over several topics is refused where one of them would need it.
    """
    topic = topics.get(rule.topic)
    if topic is None or not topic.rekey or rule.opens is Opens.EACH_EVENT or len(rule.topics) > 1:
        return False
    return not topic.keeps_together(rule.per)


def routed(rules: Iterable[Rule], topics: Mapping[str, Topic]) -> list[Rule]:
    """Return *rules* as the engine takes them: those that need it read a channel."""
    return [_on(rule, channel(rule.topic, rule.per)) if is_routed(rule, topics) else rule for rule in rules]


def _on(rule: Rule, name: str) -> Rule:
    """Return *rule* as one that reads the channel *name*."""
    found = rule.sequence
    if found is not None:
        unless = None if found.unless is None else replace(found.unless, topic=name)
        found = replace(found, items=tuple(replace(item, topic=name) for item in found.items), unless=unless)
    return replace(rule, topic=name, sequence=found)


def routes(rules: Iterable[Rule], topics: Mapping[str, Topic]) -> dict[str, tuple[Route, ...]]:
    """Return what each topic, by alias, has to carry."""
    found: dict[str, dict[tuple[str, ...], list[Rule]]] = {}
    for rule in rules:
        if is_routed(rule, topics):
            found.setdefault(rule.topic, {}).setdefault(rule.per, []).append(rule)
    return {alias: tuple(_route(per, those) for per, those in by_per.items()) for alias, by_per in found.items()}


def _route(per: tuple[str, ...], rules: Iterable[Rule]) -> Route:
    rules = list(rules)
    wheres = {view_text(rule): rule.where for rule in rules}
    # The items of a sequence have conditions of their own.
    everything = any(rule.where is None or rule.sequence is not None for rule in rules)
    sees = () if everything else tuple(compile_predicate(where.root) for where in wheres.values() if where is not None)
    return Route(per, frozenset(wheres), sees)


def view_text(rule: Rule) -> str:
    """Return the text of the rule's ``where``, empty without one: rules with equal ones see the same events."""
    return "" if rule.where is None else to_text(rule.where)


def carry(route: Route, event: Event, partition: int, upto: float, topic: str) -> Outward | None:
    """Return the record that carries *event* to *topic*; None where it has no entity by the fields of *route*."""
    key = key_of(route.per, event.fields.get)
    if key is None:
        return None
    value = _encoder.encode(Carried(partition, upto, route.per, event))
    return Outward(topic, record_key(entity_of(key)), value)


def wanted(found: Iterable[Route], events: Iterable[Event]) -> Iterator[tuple[Route, Event]]:
    """Yield what has to be carried, in the order of *events*; what dutyd published itself is not."""
    ways = tuple(found)
    for event in events:
        if event.source != OWN_SOURCE:
            yield from ((route, event) for route in ways if route.passes(event))


def mark(partition: int, upto: float, topic: str, number: int) -> Outward:
    """Return the record that tells partition *number* of *topic* how far a source partition has come."""
    return Outward(topic, None, _encoder.encode(Carried(partition, upto)), number)


def read_carried(value: bytes | None) -> Carried:
    """Return what a record of a by-key topic holds.

    Raises:
        ValueError: it can't be read.
        NotReadyError: a newer dutyd wrote it.

    """
    try:
        return decode(value or b"", _decoder, "a by-key record")
    except msgspec.DecodeError as error:
        raise ValueError(f"no record of a by-key topic: {error}") from None
