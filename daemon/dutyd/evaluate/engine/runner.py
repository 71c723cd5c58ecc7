"""One rule of one task at work: its latches, and how they move.

``tables`` find out that a latch moves; ``Runner.move`` moves it: inactive to pending (with ``for``) or firing,
pending back to inactive, firing to inactive. ``fire`` opens what was pending long enough. Both keep the table's mask
of the entity in step and write into the ``Journal``, from which ``State`` takes what its caller asks for.
"""

import traceback
from enum import Enum

import msgspec

from dutyd.core.incident import TriggerKind
from dutyd.evaluate.engine.blame import blame
from dutyd.evaluate.engine.codegen import firing_bit, pending_bit
from dutyd.evaluate.engine.conditions import Conditions
from dutyd.evaluate.engine.entities import Key, entity_of
from dutyd.evaluate.engine.journal import Journal
from dutyd.evaluate.engine.latch import Change, Latch, Phase, SwitchedOff
from dutyd.evaluate.engine.moment import Moment

FAILURES = 10
"""A rule that raises this often in a row is switched off."""


MOST_BLAMED = 256
"""How many mixes of types are remembered with the fields that they make unknown."""


class Outcome(Enum):
    """What became of a move."""

    MOVED = "moved"
    WAITS = "waits"  # pending now: it needs a timer
    REFUSED = "refused"  # not now: no room, switched off, or the event is older than a trigger that decided


class Runner:
    """One rule.

    Attributes:
        conditions: what decides.
        latches: entity to latch; none that is inactive.
        skips: entity to the offset up to which its events are decided already.
        off: whether it is switched off.
        failures: how often it raised in a row.

    """

    __slots__ = (
        "_blamed",
        "_journal",
        "_limit",
        "_masks",
        "_number",
        "conditions",
        "failures",
        "latches",
        "off",
        "skips",
    )

    def __init__(
        self,
        conditions: Conditions,
        latches: dict[Key, Latch],
        skips: dict[Key, int],
        journal: Journal,
        limit: int,
    ) -> None:
        self.conditions = conditions
        self.latches = latches
        self.skips = skips
        self.off = False
        self.failures = 0
        self._journal = journal
        self._limit = limit
        self._masks: dict[Key, int] = {}
        self._number = 0
        self._blamed: dict[tuple[type, ...], frozenset[str]] = {}

    def join(self, masks: dict[Key, int], number: int) -> None:
        """Keep the bits of *number* in a table's *masks* from now on."""
        self._masks, self._number = masks, number
        for key, latch in self.latches.items():
            self._mark(key, latch.phase)

    def move(self, key: Key, moment: Moment) -> Outcome:
        """Move the latch of *key* on to where it goes from where it stands."""
        if self.off or (key in self.skips and moment.is_within(self.skips[key])):
            return Outcome.REFUSED
        latch = self.latches.get(key)
        if latch is not None:
            if latch.phase is Phase.FIRING:
                self._clear(key, latch, moment)
            self._set(key, None)
            return Outcome.MOVED
        if len(self.latches) >= self._limit:
            self._journal.overflow[self.conditions.rule.id] += 1
            return Outcome.REFUSED
        rule = self.conditions.rule
        latch = Latch(
            phase=Phase.PENDING,
            since=moment.time,
            occurrence=moment.occurrence,
            evidence=moment.evidence(self.conditions),
            offset=moment.offset,
            topic=rule.topic,
            per=rule.per,
        )
        if rule.hold > 0:
            self._set(key, latch)
            return Outcome.WAITS
        self._open(key, latch, moment.time, moment.offset)
        return Outcome.MOVED

    def due(self, key: Key) -> float | None:
        """Return when the latch of *key* fires, None when it is not pending."""
        latch = self.latches.get(key)
        return latch.since + self.conditions.rule.hold if latch is not None and latch.phase is Phase.PENDING else None

    def fire(self, key: Key, due: float, offset: int, moment: Moment | None) -> None:
        """Open what is pending for *key* if it is due then; *moment* has the newest event, None where none is known."""
        if self.off or self.due(key) != due:
            return
        latch = self.latches[key]
        if moment is not None:
            latch = msgspec.structs.replace(latch, evidence=moment.evidence(self.conditions))
        self._open(key, latch, due, offset)

    def end(self, key: Key) -> None:
        """Forget that something fires for *key*: a person closed it."""
        self._set(key, None)

    def give_up(self, key: Key) -> None:
        """Take a pending latch back: there is no room for its timer."""
        self._set(key, None)
        self._journal.overflow[self.conditions.rule.id] += 1

    def count_unknown(self, key: Key, moment: Moment) -> None:
        """Count a condition of this rule that is unknown."""
        latch = self.latches.get(key)
        firing = latch is not None and latch.phase is Phase.FIRING
        conditions = self.conditions
        node = conditions.clear if firing and conditions.clear is not None else conditions.when
        if conditions.windows or conditions.prevs:
            blamed = blame(node, moment.look)
        else:  # the same types in the same fields have the same fault
            types = (type(firing), *(type(moment.event.fields.get(name)) for name in conditions.names))
            if types not in self._blamed:
                if len(self._blamed) >= MOST_BLAMED:
                    self._blamed.clear()
                self._blamed[types] = blame(node, moment.look)
            blamed = self._blamed[types]
        for field in blamed:
            self._journal.unknown[conditions.rule.id, field] += 1

    def fail(self, error: Exception) -> None:
        """Count that the evaluation of this rule raised; switch it off when it keeps on."""
        rule = self.conditions.rule.id
        self.failures += 1
        self._journal.failed[rule] += 1
        if self.failures == FAILURES:
            self.off = True
            self._journal.switched_off.append(SwitchedOff(rule, "".join(traceback.format_exception(error))))

    def _open(self, key: Key, latch: Latch, time: float, offset: int) -> None:
        latch = msgspec.structs.replace(latch, phase=Phase.FIRING, opened=time, offset=offset)
        assert latch.evidence is not None
        self._set(key, latch)
        self._journal.changes.append(change_of(self.conditions.rule.id, key, latch, TriggerKind.OPENED))

    def _clear(self, key: Key, latch: Latch, moment: Moment) -> None:
        change = change_of(self.conditions.rule.id, key, latch, TriggerKind.CLEARED)
        self._journal.changes.append(
            msgspec.structs.replace(
                change,
                decided=max(latch.opened, moment.time),
                evidence=moment.evidence(self.conditions),
                because="clear",
                offset=moment.offset,
            )
        )

    def _set(self, key: Key, latch: Latch | None) -> None:
        """Replace the latch of *key*; None: inactive."""
        if latch is None:
            del self.latches[key]
        else:
            self.latches[key] = latch
        self._mark(key, Phase.INACTIVE if latch is None else latch.phase)
        self.touch(key)

    def touch(self, key: Key) -> None:
        """Note that what is remembered of *key* is not what it was."""
        self._journal.moved.add((self.conditions.rule.id, entity_of(key)))

    def _mark(self, key: Key, phase: Phase) -> None:
        firing, pending = firing_bit(self._number), pending_bit(self._number)
        mask = self._masks.get(key, 0) & ~(firing | pending)
        if phase is not Phase.INACTIVE:
            mask |= firing if phase is Phase.FIRING else pending
        if mask:
            self._masks[key] = mask
        else:
            self._masks.pop(key, None)


def change_of(rule: str, key: Key, latch: Latch, kind: TriggerKind) -> Change:
    """Return the change that opens or clears *latch*, as far as the latch alone says it."""
    assert latch.evidence is not None
    return Change(
        rule=rule,
        entity=entity_of(key),
        kind=kind,
        occurrence=latch.occurrence,
        opened=latch.opened,
        decided=latch.opened,
        evidence=latch.evidence,
        opening=latch.evidence if kind is TriggerKind.CLEARED else None,
        because="",
        offset=latch.offset,
        topic=latch.topic,
        per=latch.per or (),
    )
