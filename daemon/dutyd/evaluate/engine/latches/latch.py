"""What the engine remembers of a rule and an entity, and what it says when that changes: ``Latch`` and ``Change``.

Both are plain values: the checkpoint stores latches, the evaluate path makes triggers of changes. A latch exists for
what is not inactive; an inactive one is kept only where something must be remembered all the same: the values that
``prev`` needs, how far a sequence is, or the offset of a trigger that closed it.
"""

from enum import StrEnum
from typing import Any

import msgspec

from dutyd.core.incident import Entity, Evidence, TriggerKind
from dutyd.evaluate.engine.latches.progress import Progress

LatchKey = tuple[str, Entity]
"""Rule id and entity."""

NOWHERE = -1
"""The offset of a latch that no event decided yet."""


class Phase(StrEnum):
    """Where a latch stands."""

    INACTIVE = "inactive"
    PENDING = "pending"  # ``when`` is true, ``for`` is not over
    FIRING = "firing"  # an incident is open


class Latch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one rule for one entity.

    Attributes:
        phase: where it stands.
        since: event time of what began it: the pending, or the opening without ``for``; inactive: of the last event.
        occurrence: identity of what began it.
        opened: event time of the opening, seconds since the epoch; 0 until then.
        evidence: of the opening; while pending, of what began it; None when inactive.
        offset: of the last record that was part of the decision. A latch given to ``State.load`` ignores events up
            to it.
        topic: alias of the rule's topic, by which the latch outlives its rule; empty: as the rule says now.
        per: names of the entity's fields; None: as the rule says now.
        last: field to value in the entity's last event, what ``prev`` needs.
        seen: text of an ``absent`` to when its field was last seen.
        round: how often it was acted on, the opening counted.
        acted: when the last further round was; 0: there was none.
        ending: since when what clears is true, while ``keep_firing_for`` runs; None: it is not.
        under: what the rule said (``Conditions.digest``) when what waits here began: the pending, or *ending*; under
            another rule that is worth nothing. Empty: an older dutyd wrote it.
        timing: the rule's terms (``Rule.timing``) that it stands under.
        edited: since when it stands under them, where they were edited while it was open; 0: since it opened.
        schedule: by which it is due, of a rule that the clock drives; *since* is then up to when it was judged.
        progress: how far its sequence is; None: nowhere, or it has none.

    """

    phase: Phase = Phase.INACTIVE
    since: float = 0.0
    occurrence: str = ""
    opened: float = 0.0
    evidence: Evidence | None = None
    offset: int = NOWHERE
    topic: str = ""
    per: tuple[str, ...] | None = None
    last: dict[str, Any] = {}
    seen: dict[str, float] = {}
    round: int = 1
    acted: float = 0.0
    ending: float | None = None
    under: str = ""
    timing: str = ""
    edited: float = 0.0
    schedule: str = ""
    progress: Progress | None = None


class Change(msgspec.Struct, frozen=True):
    """An incident opened, went into a further round, or cleared.

    Attributes:
        rule: the rule's id.
        entity: the values of *per*.
        kind: opened, changed (a further round) or cleared.
        occurrence: what opened it: an event's identity, or a due time.
        opened: event time of the opening, seconds since the epoch.
        decided: event time of this change; for a timer its due time. Never before *opened*.
        evidence: of the newest event; of the opening where no event decided.
        opening: the evidence of the opening, in every change after it.
        because: why it cleared: ``clear``, ``expired``, ``silent``, ``rule removed``, ``rule changed``.
        offset: of the last record that is part of the decision, in the task's partition of *topic*.
        topic: alias of the topic; empty where the clock decided.
        per: names of the entity's fields, as they were when it opened.
        round: 1 for the opening.
        momentary: no clear will follow.

    """

    rule: str
    entity: Entity
    kind: TriggerKind
    occurrence: str
    opened: float
    decided: float
    evidence: Evidence
    opening: Evidence | None
    because: str
    offset: int
    topic: str
    per: tuple[str, ...]
    round: int = 1
    momentary: bool = False


class Counts(msgspec.Struct, frozen=True):
    """What was counted since the last time it was asked.

    Attributes:
        events: that were judged, late ones too.
        duplicates: dropped: their identity was read before.
        own: dropped: published by dutyd itself.
        ahead: said a time later than the arrival of their record, which then counts.
        late: older than the newest of their entity: moved no latch.
        no_entity: not judged: a ``per`` value is missing or can't name an entity; once for each different ``per``.
        overflow: rule id to how often an entity was one too many.
        unknown: (rule id, field) to how often a condition met no usable value there. The field is a window's text
            where a window was unknown, and empty where no value is missing (a division by zero).
        failed: rule id to how often its evaluation raised.
        missed: rule id to how many of its due times went by without a run.

    """

    events: int = 0
    duplicates: int = 0
    own: int = 0
    late: int = 0
    ahead: int = 0
    no_entity: int = 0
    overflow: dict[str, int] = {}
    unknown: dict[tuple[str, str], int] = {}
    failed: dict[str, int] = {}
    missed: dict[str, int] = {}


class SwitchedOff(msgspec.Struct, frozen=True):
    """A rule that kept failing is not judged any more until it is changed: say it loudly.

    Attributes:
        rule: the rule's id.
        error: the last exception with its traceback.

    """

    rule: str
    error: str
