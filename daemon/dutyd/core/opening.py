"""What opens an incident, and how long it stays open: by events, by the clock, by one thing after the other.

Frozen values, made by ``rules.reading``; read by the engine in ``evaluate``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from dutyd.core.expr import Expr


class Opens(StrEnum):
    """What opens an incident."""

    ON_CHANGE = "on_change"  # `when` becomes true; one incident at a time for an entity
    EACH_EVENT = "each_event"  # every event for which `when` is true


class Then(StrEnum):
    """What becomes of an open incident whose entity fell silent."""

    END = "end"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Again:
    """An incident that is still open is acted on again: *every* so many seconds, *at_most* so often (None: always)."""

    every: float
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class Silent:
    """An entity of which nothing came for *after* seconds."""

    after: float
    then: Then


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a rule is due by the clock; made by ``evaluate.schedule``.

    Attributes:
        text: the five fields of a cron expression, as written.
        timezone: IANA name of the zone that they are read in.
        missed: a run that nobody was there to make is made up for so many seconds after it was due.
        due_after: returns the first due time after a time, both seconds since the epoch; None: never again.

    """

    text: str
    timezone: str
    missed: float
    due_after: Callable[[float], float | None] = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """Return what two equal schedules have in common, as one text."""
        return f"{self.text} {self.timezone}"


@dataclass(frozen=True, slots=True)
class Item:
    """One of the things that must happen in a sequence.

    Attributes:
        name: by which expressions read what was seen of it: ``items.NAME.FIELD``.
        topic: alias of the topic that tells of it; of the last one, the rule's.
        where: which events of the topic are it; None: every one that the rule sees.

    """

    name: str
    topic: str
    where: Expr | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """Events that break a sequence: those of *topic* for which *where* is true."""

    topic: str
    where: Expr


@dataclass(frozen=True, slots=True)
class Sequence:
    """What opens a rule's incidents in place of ``when``: *items*, one after the other, from first to last *within*.

    Attributes:
        items: two at least, in order.
        within: seconds of event time.
        unless: what breaks it in the meantime; None: nothing.

    """

    items: tuple[Item, ...]
    within: float
    unless: Guard | None = None

    @property
    def topics(self) -> frozenset[str]:
        """The aliases of all topics that tell of it."""
        return frozenset(item.topic for item in self.items) | ({self.unless.topic} if self.unless else set())
