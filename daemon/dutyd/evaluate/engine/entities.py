"""From an event's fields to its entity: text, bool and whole numbers as text, so that 12, 12.0 and "12" are one.

Inside the engine an entity is a ``Key``: the text alone where ``per`` names one field (a text knows its hash), else
the tuple of texts. Called for every event by ``topic``; ``Change`` and ``LatchKey`` speak of the tuple.
"""

from collections.abc import Callable
from typing import Any

from dutyd.core.expr.operators import key_text
from dutyd.core.incident import Entity

Key = str | Entity
"""An entity inside the engine."""

entity_value = key_text
"""Returns a value as one value of an entity, None where it can't be one."""


def key_of(per: tuple[str, ...], get: Callable[[str], Any]) -> Key | None:
    """Return the entity that an event belongs to by the fields *per*, None when there is none."""
    if len(per) == 1:
        return entity_value(get(per[0]))
    values = tuple(entity_value(get(name)) for name in per)
    return None if None in values else values  # type: ignore[return-value]  # no None is left


def entity_of(key: Key) -> Entity:
    """Return *key* as everybody else knows it."""
    return (key,) if isinstance(key, str) else key


def to_key(entity: Entity) -> Key:
    """Return *entity* as the engine knows it."""
    return entity[0] if len(entity) == 1 else entity
