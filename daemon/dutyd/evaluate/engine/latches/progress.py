"""How far a sequence is for one entity, and how one more event moves it on; pure.

Of each number of items done, the newest way there is kept: ``deploy`` alone, ``deploy, restart``, and so on. A newer
first item takes the place of an older one, because whatever the older one could still complete in time, the newer one
can, too. So what is remembered does not grow with the events. A whole sequence uses up everything: no event is part
of two. ``sequences`` calls ``advance`` for events in the order of time; ``Progress`` is stored with the latches.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from dutyd.core.event import Event
from dutyd.core.expr.tree import Node
from dutyd.core.opening import Item
from dutyd.evaluate.engine.compiled.sequence import ITEMS, ItemPlan, SequencePlan, Test

KEPT_BYTES: Final = 16 * 1024
"""How much of an event's fields is kept until the sequence is whole, as JSON: the largest values go first."""

Done = tuple[Event, ...]
"""The events of the first items, one for each."""

Unknown = Callable[[Node, Mapping[str, Any]], None]
"""Takes a condition without a value, and the fields that it was asked about."""


class Waiting(msgspec.Struct, frozen=True):
    """An event of *topic* that is judged once all that happened before it is here."""

    topic: str
    event: Event


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of one sequence and entity.

    Attributes:
        of: what its rule said (``SequencePlan.digest``): under another rule it is worth nothing.
        newest: time of the newest event that moved it, seconds since the epoch.
        done: by how many items are done, less one, the newest way there; empty where there is none.
        waiting: in the order of time; only of sequences over several topics.

    """

    of: str
    newest: float = 0.0
    done: tuple[Done, ...] = ()
    waiting: tuple[Waiting, ...] = ()


class Step(NamedTuple):
    """What one event does: the ways that are done after it, and the events of the sequence where it is *whole* now."""

    done: tuple[Done, ...]
    whole: Done = ()


def advance(plan: SequencePlan, done: tuple[Done, ...], topic: str, event: Event, unknown: Unknown) -> Step | None:
    """Return what *event* of *topic* makes of the ways that are *done*; None: it moves nothing.

    An event that breaks the sequence is no item of it, and one event is one item of a way at most. A way that began too
    long ago is none any more, whether or not somebody has forgotten it. *unknown* is told what could not be judged for
    want of a value in an earlier item.
    """
    soon = event.time - plan.within
    ways = [way if way and way[0].time >= soon else () for way in done] or [()] * (len(plan.items) - 1)
    if topic == plan.guarded and plan.breaks is not None:
        left = _unbroken(plan, plan.breaks, ways, event)
        if left is None or left != ways:
            return Step(_stored(left or [])) if any(ways) else None
    moved = False
    for at in reversed(range(len(plan.items))):
        item, before = plan.items[at], ways[at - 1] if at else ()
        if item.topic != topic or (at and not before):
            continue
        fields = _fields(plan, before, event) if item.bound else event.fields
        holds = item.holds(fields.get)
        if holds is None and item.where is not None and item.bound:
            unknown(item.where, fields)
        if holds is not True:
            continue
        if at == len(plan.items) - 1:
            return Step((), (*before, event))
        ways[at], moved = (*before, kept(event)), True
    return Step(_stored(ways)) if moved else None


def together(plan: SequencePlan, whole: Done) -> Event:
    """Return the last of *whole* with the fields of all items beside its own."""
    return msgspec.structs.replace(whole[-1], fields=whole[-1].fields | items_seen(plan.items, whole))


def items_seen(items: Iterable[ItemPlan | Item], seen: Done) -> dict[str, Any]:
    """Return the fields of the events that the first of *items* are, by the names that expressions read them by."""
    pairs = zip(items, seen, strict=False)
    return {f"{ITEMS}{item.name}.{field}": value for item, event in pairs for field, value in event.fields.items()}


def kept(event: Event) -> Event:
    """Return *event* with no more fields than are kept until the sequence is whole."""
    if len(msgspec.json.encode(event.fields)) <= KEPT_BYTES:
        return event
    left, fields = KEPT_BYTES, dict[str, Any]()
    sizes = sorted((len(msgspec.json.encode({name: value})), name) for name, value in event.fields.items())
    for size, name in sizes:
        left -= size
        if left < 0:
            break
        fields[name] = event.fields[name]
    return msgspec.structs.replace(event, fields=fields)


def _unbroken(plan: SequencePlan, breaks: Test, ways: list[Done], event: Event) -> list[Done] | None:
    """Return the ways that *event* does not break; None: it breaks all there are or could be."""
    if not plan.bound:
        return None if breaks(event.fields.get) is True else ways
    return [() if way and breaks(_fields(plan, way, event).get) is True else way for way in ways]


def _stored(ways: list[Done]) -> tuple[Done, ...]:
    return tuple(ways) if any(ways) else ()


def _fields(plan: SequencePlan, before: Done, event: Event) -> Mapping[str, Any]:
    return {**event.fields, **items_seen(plan.items, before)} if before else event.fields
