"""Incidents, effects and their identities: the words of the ledger, and the trigger that carries an incident.

``incident_id`` and ``effect_key`` are the root of "once": they are made of the rule, the entity, the occurrence and
the step's name, never of model text, a clock reading or a model's tool-call id, so that whoever repeats the work
arrives at the same key. Used by evaluate (which opens and clears), act (which works) and the ledger (which remembers).
"""

import hashlib
from enum import StrEnum
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from dutyd.core.version import VERSION

Entity = tuple[str, ...]
"""The values of a rule's ``per`` fields, as text, in the order of ``per``."""


class IncidentState(StrEnum):
    """Where an incident stands."""

    ACCEPTED = "ACCEPTED"  # in the ledger, nobody has worked on it yet
    MUTED = "MUTED"  # throttled: goes on at its due time if it is still open then
    ACTIVE = "ACTIVE"  # claimed at least once, not cleared
    CLEARING = "CLEARING"  # cleared; unsent steps are off, on_clear runs
    CLOSED = "CLOSED"  # nothing more will happen


class EffectState(StrEnum):
    """Where an effect stands: ``docs/guarantees.md`` tells its way."""

    RESERVED = "RESERVED"  # arguments frozen and hashed; nothing sent
    AWAITING_APPROVAL = "AWAITING_APPROVAL"  # a person must agree to this exact call
    SENDING = "SENDING"  # bytes may have left
    DONE = "DONE"  # the provider's reference is known
    REFUSED = "REFUSED"  # definitively not done, with a reason
    UNKNOWN = "UNKNOWN"  # sent, no definitive answer yet: reconciled by class
    PARKED = "PARKED"  # a person must look

    @property
    def ended(self) -> bool:
        """Whether nothing automatic will change it any more."""
        return self in (EffectState.DONE, EffectState.REFUSED, EffectState.PARKED)


class Settled(StrEnum):
    """What a person says of an effect that is parked."""

    DONE = "done"  # it is there
    NOT_DONE = "not done"  # it is not, and is not wanted any more
    RESEND = "resend"  # it is not: send it again


class TriggerKind(StrEnum):
    """What happened to the incident."""

    OPENED = "opened"
    CHANGED = "changed"  # a further round
    CLEARED = "cleared"


class Evidence(msgspec.Struct, frozen=True):
    """What was seen: the event, and what the rule computed from it.

    Attributes:
        id, source: of the event.
        time: event time, seconds since the epoch.
        fields: the event's fields.
        let: the rule's ``let`` values.
        values: the value of each window, ``prev`` and comparison side the rule named, by its text.
        cut: whether something was cut to fit the size limit.
    """

    id: str
    source: str
    time: float
    fields: dict[str, Any]
    let: dict[str, Any] = {}
    values: dict[str, Any] = {}
    cut: bool = False


class Position(msgspec.Struct, frozen=True):
    """Where in the source topics a decision was made.

    Attributes:
        topic: alias of the source topic.
        partition: its partition.
        offset: of the record that decided; events up to it are part of the decision.
    """

    topic: str
    partition: int
    offset: int


class Trigger(msgspec.Struct, frozen=True):
    """One record of the triggers topic: the whole incident as evaluate sees it.

    Attributes:
        incident: the incident's id.
        kind: opened, changed or cleared.
        rule: the rule's id.
        digest: the rule set it was decided by.
        entity: ``per`` field to value, as text.
        occurrence: what opened it: an event's identity, or a due time.
        opened: event time of the opening, seconds since the epoch.
        decided: event time of this record, seconds since the epoch.
        evidence: of the newest decision.
        opening: the evidence of the opening, on a cleared record.
        round: 1 for the opening.
        momentary: nothing will clear it: it is closed once all that it orders is done.
        because: why it was cleared: ``clear``, ``rule removed``, ``rule changed``, ``expired``, ``silent``,
            ``closed by NAME: TEXT``.
        position: where in the source it was decided; None for timers of the clock.
    """

    incident: str
    kind: TriggerKind
    rule: str
    digest: str
    entity: dict[str, str]
    occurrence: str
    opened: float
    decided: float
    evidence: Evidence
    opening: Evidence | None = None
    round: int = 1
    because: str = ""
    position: Position | None = None
    momentary: bool = False
    v: int = VERSION

    @property
    def key(self) -> bytes:
        """The record key: rule + entity, what the triggers topic is compacted by."""
        return f"{quote(self.rule, safe='')}/{entity_text(tuple(self.entity.values()))}".encode()


class Ending(msgspec.Struct, frozen=True):
    """A person's order to the evaluator: the incident is over, whatever the events say; the next one may open another.

    Attributes:
        incident: the incident's id.
        rule: the rule's id.
        entity: the values of ``per``.
        why: who closed it, and because of what.
    """

    incident: str
    rule: str
    entity: Entity
    why: str
    v: int = VERSION


def entity_text(entity: Entity) -> str:
    """Return *entity* as one text without ambiguity: values percent-encoded, joined by ``/``."""
    return "/".join(quote(value, safe="") for value in entity)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def incident_id(rule: str, entity: Entity, occurrence: str) -> str:
    """Return H(rule id, entity, occurrence): 32 hex digits."""
    return _digest(rule, entity_text(entity), occurrence)


def effect_key(incident: str, step: str, *, clear: bool = False, item: str | None = None, round_: int = 1) -> str:
    """Return ``incident/[clear/]step[/i:item][/r:round]``, the round from the second on."""
    key = f"{incident}/clear/{step}" if clear else f"{incident}/{step}"
    if item is not None:
        key += f"/i:{quote(item, safe='')}"
    return key + round_suffix(round_)


def round_suffix(round_: int) -> str:
    """Return what tells the things of one round from those of the others: nothing for the first."""
    return f"/r:{round_}" if round_ > 1 else ""


def round_of(key: str) -> int:
    """Return the round that an effect key belongs to."""
    _, _, number = key.rpartition("/r:")
    return int(number) if number.isdigit() else 1


def item_of(key: str) -> str | None:
    """Return the item that an effect key is for; None where its step runs once."""
    _, found, rest = key.partition("/i:")
    return unquote(rest.partition("/r:")[0]) if found else None


def provider_key(key: str) -> str:
    """Return what a provider gets for an effect key: ``dutyd-`` and 32 hex digits of its SHA-256."""
    return f"dutyd-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
