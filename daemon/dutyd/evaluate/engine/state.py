"""The state of one task: what changes as events are judged; ``judge``, ``replay`` and ``tick`` work on it.

Its owner gives it the latches that the checkpoint and the triggers topic remember (``load``), and takes out after each
batch what has to be stored (``take_changed``). It holds nothing that those latches and a replay do not give back; of
how much must be replayed ``trickle`` takes care.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from dutyd.core.expr import to_text
from dutyd.evaluate.engine.compiled.plan import Plan
from dutyd.evaluate.engine.entities import Key, entity_of, to_key
from dutyd.evaluate.engine.latches.journal import Journal
from dutyd.evaluate.engine.latches.latch import Counts, Latch, LatchKey, Phase, SwitchedOff
from dutyd.evaluate.engine.latches.latches import Latches
from dutyd.evaluate.engine.latches.progress import Progress
from dutyd.evaluate.engine.latches.runner import Runner
from dutyd.evaluate.engine.latches.stored import Stored, pack, unpack
from dutyd.evaluate.engine.sequences import Sequencer
from dutyd.evaluate.engine.snapshots.trickle import Trickle
from dutyd.evaluate.engine.views.topic import TopicState
from dutyd.evaluate.engine.views.view import View
from dutyd.evaluate.engine.windows.samples import Begun
from dutyd.evaluate.engine.windows.tracks import Clock


class Placed(NamedTuple):
    """A rule at work, and where."""

    runner: Runner
    view: View


class Closing(NamedTuple):
    """A latch that its rule can't keep."""

    rule: str
    key: Key
    latch: Latch


class State:
    """One task.

    Attributes:
        known_since: event time, seconds since the epoch, since which everything was read; windows that reach further
            back are unknown. Minus infinity: since ever. Set it before the first event.
        begun: alias and text of a ``where`` to the event time since which everything was read that such rules see,
            where that is less than ``known_since`` says; see ``know``.
        read: topic alias to how far it was read when the rules changed last, the newest event time and the offset of
            the next record: since then whatever a rule asks for first is here. Where it says nothing, that is as much
            as the rules before saw.
        learns: whether what is under way of sequences is learnt from what is replayed, for nothing else tells it.
        latches: rule id to entity to latch, without those that are inactive; rules that are gone are here, too.
        skips: rule id to entity to the offset up to which its events are decided already.
        remembered: rule id to entity to the values of its last event, until a view takes them.
        progress: rule id to entity to how far its sequence is, until a sequencer takes it.
        sequences: rule id to its sequence at work.
        absent: rules that some latches are of and the plan is not, to since when that is known, by the caller's
            clock.
        closing: latches whose rule has another topic or ``per`` now.
        edited: open latches of rules whose terms were edited: they begin when somebody says what time it is.
        marks: rule id to up to when its schedule was judged; *upcoming* to when it is due next, once that was asked.
        trickle: the snapshots of its windows; None: there are none.
        plan, bound_since, topics, rules, clock: the plan at work; see ``binding``.
        journal: what happened since somebody asked.

    """

    def __init__(self, trickle: Trickle | None = None) -> None:
        self.trickle = trickle
        self.known_since = self.bound_since = -math.inf
        self.begun: Mapping[tuple[str, str], float] = {}
        self.read: Mapping[str, Begun] = {}
        self.learns = False
        self.latches: dict[str, Latches] = defaultdict(Latches)
        self.skips: dict[str, dict[Key, int]] = {}
        self.remembered: dict[str, dict[Key, Latch]] = {}
        self.progress: dict[str, dict[Key, Progress]] = {}
        self.sequences: dict[str, Sequencer] = {}
        self.absent: dict[str, float | None] = {}
        self.closing: list[Closing] = []
        self.edited: list[tuple[Runner, Key, View]] = []
        self.marks: dict[str, Latch] = {}
        self.upcoming: dict[str, float] = {}
        self.plan: Plan | None = None
        self.topics: dict[str, TopicState] = {}
        self.rules: dict[str, Placed] = {}
        self.clock = Clock()
        self.journal = Journal()

    def load(self, latches: Mapping[LatchKey, Latch]) -> None:
        """Take what a checkpoint or the triggers topic remembers, before the first event.

        A latch from a trigger has the trigger's offset (events up to it are not judged again), topic and ``per``;
        from a trigger that cleared it is inactive.
        """
        for (rule, entity), latch in latches.items():
            if not latch.schedule:
                self.skips.setdefault(rule, {})[to_key(entity)] = latch.offset
            self._take(rule, to_key(entity), latch)
        self.plan = None

    def know(self, begun: Mapping[tuple[str, str], float]) -> None:
        """Take note of since when all was read that rules with an alias and a ``where`` see; infinite: unknown."""
        if begun != self.begun:
            self.begun, self.plan = begun, None

    def adopt(self, stored: Iterable[tuple[LatchKey, Stored]]) -> None:
        """Take a checkpoint's latches, all events up to which are decided, before ``load`` and the first event.

        What matters only when something happens to it stays as it is stored.
        """
        latches, usual, rests = self.latches, None, False
        for (rule, entity), each in stored:
            if each[0] is not usual:
                usual = each[0]
                rests = usual.phase is not Phase.INACTIVE and not usual.also
            if rests:
                latches[rule].place(entity[0] if len(entity) == 1 else entity, each)
            else:
                self._take(rule, to_key(entity), unpack(each))
        self.plan = None

    def _take(self, rule: str, key: Key, latch: Latch) -> None:
        if latch.schedule:
            self.marks[rule] = latch
            return
        progress, remembered = self.progress.setdefault(rule, {}), self.remembered.setdefault(rule, {})
        if latch.progress is not None:
            progress[key] = latch.progress
        else:
            progress.pop(key, None)
        if latch.last:
            remembered[key] = latch
        else:
            remembered.pop(key, None)
        if latch.phase is not Phase.INACTIVE:
            self.latches[rule][key] = latch
        else:
            self.latches[rule].pop(key, None)

    def take_changed(self) -> dict[LatchKey, Stored | None]:
        """Return the latches that changed since the last call, None for those that are gone."""
        moved, self.journal.moved = self.journal.moved, set()
        return {(rule, entity): self._stored(rule, to_key(entity)) for rule, entity in moved}

    def all_latches(self) -> dict[LatchKey, Latch]:
        """Return every latch there is, to write a lost checkpoint anew."""
        found = {(rule, entity_of(key)): None for rule, latches in self.latches.items() for key in latches}
        found.update(((rule, ()), None) for rule in self.marks)
        for rule, placed in self.rules.items():
            if placed.runner.conditions.prevs:
                found.update(((rule, entity_of(key)), None) for key in placed.view.tracks)
        for rule, sequencer in self.sequences.items():
            found.update(((rule, entity_of(key)), None) for key in sequencer.progress)
        latches = ((key, self._latch(key[0], to_key(key[1]))) for key in found)
        return {key: latch for key, latch in latches if latch is not None}

    def take_counts(self) -> Counts:
        """Return what was counted since the last call. Costs time by the number of rules: call it every few seconds."""
        counts: Counter[str] = Counter()
        journal = self.journal
        for topic in self.topics.values():
            counts.update(topic.counts)
            topic.counts.clear()
            for key, number in topic.count_unknown():
                journal.unknown[key] += number
            for rule, number in topic.count_overflow():
                journal.overflow[rule] += number
        taken = Counts(
            **counts,
            overflow=dict(journal.overflow),
            unknown=dict(journal.unknown),
            failed=dict(journal.failed),
            missed=dict(journal.missed),
        )
        for counter in (journal.overflow, journal.unknown, journal.failed, journal.missed):
            counter.clear()
        return taken

    def take_switched_off(self) -> list[SwitchedOff]:
        """Return the rules that were switched off since the last call."""
        taken, self.journal.switched_off = self.journal.switched_off, []
        return taken

    def active(self) -> int:
        """Return how many latches are pending or firing."""
        return sum(len(latches) for latches in self.latches.values())

    def _stored(self, rule: str, key: Key) -> Stored | None:
        """Return the latch of *key* as it is to be stored: mostly as it rests."""
        placed, latches = self.rules.get(rule), self.latches.get(rule)
        more = placed is not None and (placed.runner.conditions.absents or placed.runner.conditions.prevs)
        if more or rule in self.marks or rule in self.sequences:
            latch = self._latch(rule, key)
            return None if latch is None else pack(latch)
        return latches.at_rest(key) if latches is not None and key in latches else None

    def _latch(self, rule: str, key: Key) -> Latch | None:
        if rule in self.marks:
            return self.marks[rule]
        latch = self.latches[rule].get(key) if rule in self.latches else None
        placed = self.rules.get(rule)
        if latch is not None and placed is not None and placed.runner.conditions.absents:
            latch = _with_absences(latch, key, placed)
        if placed is not None and rule in self.sequences:
            latch = _with_progress(latch, self.sequences[rule].progress.get(key), placed)
        prevs = placed.runner.conditions.prevs if placed is not None else frozenset()
        track = placed.view.tracks.get(key) if placed is not None and prevs else None
        if placed is None or track is None or track.last is None:
            return latch
        values = {field: track.last.fields[field] for field in sorted(prevs) if field in track.last.fields}
        if latch is None:
            rested = placed.runner.conditions.rule
            latch = Latch(phase=Phase.INACTIVE, since=track.last.time, topic=rested.topic, per=rested.per)
        return msgspec.structs.replace(latch, last=values)


def _with_progress(latch: Latch | None, progress: Progress | None, placed: Placed) -> Latch | None:
    if progress is not None and latch is None:
        rule = placed.runner.conditions.rule
        latch = Latch(phase=Phase.INACTIVE, since=progress.newest, topic=rule.topic, per=rule.per)
    return None if latch is None else msgspec.structs.replace(latch, progress=progress)


def _with_absences(latch: Latch, key: Key, placed: Placed) -> Latch:
    """Return *latch* with what a replay, which does not go back for ever, could not tell any more."""
    track = placed.view.tracks.get(key)
    seen = {} if track is None else placed.view.samples.seen(track)
    mine = {to_text(node): last for node, last in seen.items() if node in placed.runner.conditions.absents}
    return msgspec.structs.replace(latch, seen=mine)
