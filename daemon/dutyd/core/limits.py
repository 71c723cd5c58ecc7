"""How many incidents are too many, and which of them are one: throttles, brakes, inhibition, groups.

Frozen values, made by ``rules.reading``; judged by the ledger's scripts when an incident is accepted or claimed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dutyd.core.expr import Template


@dataclass(frozen=True, slots=True)
class Rate:
    """At most *count* in any *seconds*."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Throttle:
    """How many incidents may open before further ones are muted; counted in incidents."""

    per_entity: tuple[Rate, ...] = ()
    per_rule: tuple[Rate, ...] = ()


UNTHROTTLED = Throttle()
"""However many open, none is muted."""


@dataclass(frozen=True, slots=True)
class Brake:
    """More than *openings* within *within* seconds of event time: new incidents wait for approval until released."""

    openings: int
    within: float


@dataclass(frozen=True, slots=True)
class Inhibit:
    """While an incident of another rule is open, those of this rule are muted.

    Attributes:
        by: ids of the rules whose open incidents mute.
        equal: fields of ``per``, of both rules, whose values must be the same.
        wait: ``group_wait``, seconds that an opening waits, so that an incident that explains it can come first.
    """

    by: tuple[str, ...]
    equal: tuple[str, ...] = ()
    wait: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Openings that are one incident: those with equal *by* values that open within *wait* seconds of the first.

    Attributes:
        by: event fields or names of ``let``; of a member in which one has no value, nobody knows what it belongs to.
        at_most: members; further ones open the next group.
        member: what is told of each member, by name; None: what the rule names of it.
    """

    by: tuple[str, ...]
    wait: float
    at_most: int
    member: Mapping[str, Template] | None = None
