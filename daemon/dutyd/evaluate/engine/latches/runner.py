"""One rule of one task at work: its latches, and how they move.

``tables`` find out that a latch moves; ``Runner.move`` moves it: inactive to pending (with ``for``) or firing,
pending back to inactive, firing to inactive (with ``keep_firing_for`` to ending, and back). ``fire`` does what time
alone does (``terms``). Both keep the table's mask of the entity in step and write into the ``Journal``, from which
``State`` takes what its caller asks for.
"""

import traceback
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from dutyd.core.incident import TriggerKind
from dutyd.evaluate.engine.compiled.codegen import firing_bit, pending_bit
from dutyd.evaluate.engine.compiled.conditions import Conditions
from dutyd.evaluate.engine.entities import Key, entity_of
from dutyd.evaluate.engine.latches.blame import blame, depends_on_values
from dutyd.evaluate.engine.latches.journal import Journal
from dutyd.evaluate.engine.latches.latch import Change, Latch, Phase, SwitchedOff
from dutyd.evaluate.engine.latches.latches import Latches
from dutyd.evaluate.engine.latches.moment import Moment
from dutyd.evaluate.engine.latches.terms import BECAUSE, Ends, Term, is_timed, next_term

FAILURES = 10
"""A rule that raises this often in a row is switched off."""


MOST_BLAMED = 256
"""How many mixes of types are remembered with the fields that they make unknown."""


class Move(Enum):
    """What became of a move."""

    MOVED = "moved"
    WAITS = "waits"  # time alone may move it on: it needs a timer
    REFUSED = "refused"  # not now: no room, switched off, or the event is older than a trigger that decided


class Runner:
    """One rule.

    Attributes:
        conditions: what decides.
        latches: entity to latch; none that is inactive.
        skips: entity to the offset up to which its events are decided already.
        timers: entity to when the timer of its latch is due; those that need none are not here.
        off: whether it is switched off.
        failures: how often it raised in a row.

    """

    __slots__ = (
        "_blamed",
        "_forget",
        "_journal",
        "_limit",
        "_masks",
        "_number",
        "_timed",
        "conditions",
        "failures",
        "latches",
        "off",
        "skips",
        "timers",
    )

    def __init__(
        self,
        conditions: Conditions,
        latches: Latches,
        skips: dict[Key, int],
        journal: Journal,
        limit: int,
    ) -> None:
        self.conditions = conditions
        self.latches = latches
        self.skips = skips
        self.timers: dict[Key, float] = {}
        self._timed = is_timed(conditions.rule)
        self.off = False
        self.failures = 0
        self._journal = journal
        self._limit = limit
        self._masks: dict[Key, int] = {}
        self._number = 0
        self._forget: Callable[[Key, Runner], None] = lambda _, __: None
        self._blamed: dict[tuple[type, ...], frozenset[str]] = {}

    def join(self, masks: dict[Key, int], number: int, forget: Callable[[Key, "Runner"], None]) -> None:
        """Keep the bits of *number* in a table's *masks* from now on; *forget* tells it what went by itself."""
        self._masks, self._number, self._forget = masks, number, forget
        firing, pending = firing_bit(number), pending_bit(number)
        for head, keys in self.latches.groups():
            bits = (firing if head.phase is Phase.FIRING else pending) | (pending if "ending" in head.also else 0)
            if masks:
                masks.update((key, masks.get(key, 0) | bits) for key in keys)
            else:
                masks.update(dict.fromkeys(keys, bits))

    def move(self, key: Key, moment: Moment) -> Move:
        """Move the latch of *key* on to where it goes from where it stands."""
        if self.off or (key in self.skips and moment.is_within(self.skips[key])):
            return Move.REFUSED
        latch = self.latches.get(key)
        return self.open(key, moment) if latch is None else self._move_back(key, latch, moment)

    def open(self, key: Key, moment: Moment) -> Move:
        """Open an incident for *key*, which has none, or begin to wait where the rule has a ``for``."""
        if len(self.latches) >= self._limit:
            self._journal.overflow[self.conditions.rule.id] += 1
            return Move.REFUSED
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
            self._set(key, msgspec.structs.replace(latch, under=self.conditions.digest))
            return Move.WAITS
        self._open(key, latch, moment.time, moment.offset)
        return Move.WAITS if self._timed else Move.MOVED

    def _move_back(self, key: Key, latch: Latch, moment: Moment) -> Move:
        """Move a latch that is not inactive."""
        if latch.phase is Phase.FIRING and self.conditions.rule.keep > 0:
            ending = moment.time if latch.ending is None else None
            self._set(key, msgspec.structs.replace(latch, ending=ending, under=self.conditions.digest))
            return Move.WAITS
        if latch.phase is Phase.FIRING:
            self._clear(key, latch, moment, decided=moment.time, offset=moment.offset, because="clear")
        else:
            self._set(key, None)
        return Move.MOVED

    def term(self, key: Key, newest: float) -> Term | None:
        """Return what time alone does next to the latch of *key*, None where there is none."""
        latch = self.latches.get(key)
        return None if latch is None else next_term(self.conditions.rule, latch, newest)

    def fire(self, key: Key, term: Term, offset: int, moment: Moment | None) -> None:
        """Do for *key* what is due; *moment* has the newest event, None where none is known."""
        if self.off:
            return
        latch, due = self.latches[key], term.due
        if term.ends is Ends.OPENS:
            if moment is not None:
                latch = msgspec.structs.replace(latch, evidence=moment.evidence(self.conditions))
            self._open(key, latch, due, offset)
        elif term.ends is Ends.AGAIN:
            latch = msgspec.structs.replace(latch, round=latch.round + 1, acted=due, offset=offset)
            self._set(key, latch)
            self._tell(key, latch, TriggerKind.CHANGED, moment, decided=due, offset=offset)
        else:
            self._clear(key, latch, moment, decided=due, offset=offset, because=BECAUSE[term.ends])
            self._forget(key, self)

    def open_once(self, key: Key, moment: Moment) -> None:
        """Open an incident that nothing clears, for an event by itself."""
        if not self.off and not (key in self.skips and moment.is_within(self.skips[key])):
            self.tell_once(key, moment)

    def tell_once(self, key: Key, moment: Moment) -> None:
        """As above, whatever was decided before."""
        rule = self.conditions.rule
        latch = Latch(
            phase=Phase.INACTIVE,
            occurrence=moment.occurrence,
            opened=moment.time,
            evidence=moment.evidence(self.conditions),
            offset=moment.offset,
            topic=rule.topic,
            per=rule.per,
        )
        change = change_of(rule.id, key, latch, TriggerKind.OPENED)
        self._journal.changes.append(msgspec.structs.replace(change, momentary=True))

    def begin_terms(self, key: Key, time: float) -> None:
        """Put the open latch of *key* under the terms of the rule as it is now, from *time* on."""
        latch = self.latches.get(key)
        if latch is not None and latch.phase is Phase.FIRING:
            self._set(key, msgspec.structs.replace(latch, timing=self.conditions.rule.timing, edited=time))

    def end(self, key: Key) -> None:
        """Forget that something fires for *key*: a person closed it."""
        self._set(key, None)
        self._forget(key, self)

    def give_up(self, key: Key) -> Move:
        """Take a pending latch back: there is no room for its timer. What fires stays, and only events move it."""
        self._journal.overflow[self.conditions.rule.id] += 1
        if self.latches.phase(key) is not Phase.PENDING:
            return Move.MOVED
        self._set(key, None)
        return Move.REFUSED

    def count_unknown(self, key: Key, moment: Moment) -> None:
        """Count a condition of this rule that is unknown."""
        firing = self.latches.phase(key) is Phase.FIRING
        conditions = self.conditions
        node = conditions.clear if firing and conditions.clear is not None else conditions.when
        if conditions.windows or conditions.prevs or depends_on_values(node):
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
        timing = self.conditions.rule.timing if self._timed else ""
        latch = msgspec.structs.replace(latch, phase=Phase.FIRING, opened=time, offset=offset, timing=timing, under="")
        assert latch.evidence is not None
        self._set(key, latch)
        self._journal.changes.append(change_of(self.conditions.rule.id, key, latch, TriggerKind.OPENED))

    def _clear(self, key: Key, latch: Latch, moment: Moment | None, **more: Any) -> None:
        self._set(key, None)
        more["decided"] = max(latch.opened, more["decided"])
        self._tell(key, latch, TriggerKind.CLEARED, moment, **more)

    def _tell(self, key: Key, latch: Latch, kind: TriggerKind, moment: Moment | None, **more: Any) -> None:
        """Note a change after the opening, with the evidence of *moment* where there is one.

        A sequence over several topics shows its opening on: what was read last depends on which topic was read first.
        """
        rule = self.conditions.rule
        change = change_of(rule.id, key, latch, kind)
        if moment is not None and len(rule.topics) < 2:
            if rule.sequence is not None and latch.evidence is not None:
                moment = moment.beside(latch.evidence.fields)
            more["evidence"] = moment.evidence(self.conditions)
        self._journal.changes.append(msgspec.structs.replace(change, **more))

    def _set(self, key: Key, latch: Latch | None) -> None:
        """Replace the latch of *key*; None: inactive."""
        if latch is None:
            del self.latches[key]
        else:
            self.latches[key] = latch
        self._mark(key, latch)
        self.touch(key)

    def touch(self, key: Key) -> None:
        """Note that what is remembered of *key* is not what it was."""
        self._journal.moved.add((self.conditions.rule.id, entity_of(key)))

    def _mark(self, key: Key, latch: Latch | None) -> None:
        """Keep the mask in step: firing, pending, or both while ``keep_firing_for`` runs."""
        firing, pending = firing_bit(self._number), pending_bit(self._number)
        mask = self._masks.get(key, 0) & ~(firing | pending)
        if latch is not None:
            mask |= firing if latch.phase is Phase.FIRING else pending
            mask |= pending if latch.ending is not None else 0
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
        opening=None if kind is TriggerKind.OPENED else latch.evidence,
        because="",
        offset=latch.offset,
        topic=latch.topic,
        per=latch.per or (),
        round=latch.round,
    )
