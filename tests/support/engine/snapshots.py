"""One task of the engine whose checkpoint is a dictionary: it writes, dies, and goes on from what is written."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from dutyd.core.event import Event
from dutyd.evaluate.engine import Change, LatchKey, Plan, Resume, State, Trickle, judge, replay, sweep, tick
from dutyd.evaluate.engine.compiled.aggregates import Kind
from dutyd.evaluate.engine.entities import entity_of
from dutyd.evaluate.engine.latches.stored import Stored, pack
from dutyd.evaluate.engine.snapshots.snapshot import awake
from dutyd.evaluate.engine.windows.samples import Begun
from dutyd.evaluate.engine.windows.window import Window
from support.engine.worlds import TOPIC


class Kept:
    """What Redis holds: latches, snapshots, and how many events are decided."""

    def __init__(self) -> None:
        self.latches: dict[LatchKey, Stored] = {}
        self.fields: dict[bytes, bytes] = {}
        self.decided = 0


class Life:
    """A task that reads *events*; what it decided is told when it is written.

    Attributes:
        told: the changes that are written.
        done: what it did, as it is written: another life that does the same is one that never stopped.
        replayed: how many events were read again so far.

    """

    def __init__(self, plan: Plan, events: Sequence[Event], slack: float = math.inf) -> None:
        """*slack*: how many seconds more than windows need are replayed, for repeats; infinite: everything is."""
        self.plan = self._first = self._stored_plan = plan
        self.events = events
        self.kept = Kept()
        self.told: list[Change] = []
        self.done: list[Callable[[Life], None]] = []
        self.replayed = 0
        self._slack = slack
        self._untold: list[Change] = []
        self._undone: list[Callable[[Life], None]] = []
        self.state = State(Trickle({TOPIC}, Resume()))
        self.at = 0

    def judge(self, until: int) -> None:
        """Judge up to event number *until*, or to the end of its record."""
        for _, record in groupby(self.events[self.at :], attrgetter("offset")):
            if self.at >= until:
                break
            found = list(record)
            self._untold += judge(self.plan, self.state, TOPIC, found)
            self.at += len(found)
        self._undone.append(lambda life: life.judge(until))

    def edit(self, plan: Plan) -> None:
        """Go on by other rules."""
        newest = max((each.time for each in self.events[: self.at]), default=-math.inf)
        if self.at:
            self.state.read = {TOPIC: Begun(newest, self.events[self.at - 1].offset + 1)}
        self._untold += sweep(plan, self.state, 0.0)
        self.plan = plan
        self._undone.append(lambda life: life.edit(plan))

    def tick(self, time: float) -> None:
        """Say that time has come to *time*."""
        self._untold += tick(self.plan, self.state, time)
        self._undone.append(lambda life: life.tick(time))

    def write(self, share: float) -> None:
        """Write what changed, and *share* of the snapshots that are not as they should be."""
        for key, latch in self.state.take_changed().items():
            if latch is None:
                self.kept.latches.pop(key, None)
            else:
                self.kept.latches[key] = latch
        assert self.state.trickle is not None
        written = self.state.trickle.take(share)
        if written is not None:
            changed: dict[bytes, bytes | None] = {**({} if written.anew else self.kept.fields), **written.fields}
            self.kept.fields = {name: value for name, value in changed.items() if value is not None}
        self._is_kept()

    def lose(self) -> None:
        """Write everything again, from memory: what was written is lost."""
        self.kept.latches = {key: pack(latch) for key, latch in self.state.all_latches().items()}
        self.kept.fields = {}
        self.state.take_changed()
        assert self.state.trickle is not None
        self.state.trickle.begin_anew()
        self._is_kept()

    def _is_kept(self) -> None:
        self.kept.decided, self._stored_plan = self.at, self.plan
        self.told += self._untold
        self.done += self._undone
        self._untold, self._undone = [], []

    def die(self, plan: Plan | None = None) -> None:
        """Start again from what is written, by *plan* if the rules changed meanwhile."""
        self.plan = plan or self._stored_plan
        self._untold, self._undone = [], []
        self.at = self.kept.decided
        resume = Resume()
        if self._slack < math.inf:
            resume.read(self.kept.fields)
        decided = self.events[self.at - 1].arrival if self.at else 0.0
        since = decided - resume.reach(self.plan, TOPIC, decided) - self._slack
        self.state = State(Trickle({TOPIC}, resume))
        self.state.adopt(self.kept.latches.items())
        again = [event for event in self.events[: self.at] if event.arrival >= since]
        replay(self.plan, self.state, TOPIC, again)
        self.replayed += len(again)

    def unbroken(self) -> "Life":
        """Return a life that did what this one did, and never stopped."""
        life = Life(self._first, self.events)
        for each in [*self.done, *self._undone]:
            each(life)
        return life

    def end(self, time: float) -> list[Change]:
        """Judge the rest, let time pass up to *time*, and return all that was told."""
        self.judge(len(self.events))
        self.tick(time)
        self.write(1.0)
        return self.told

    def values(self) -> Mapping[tuple[str, tuple[str, ...], str], object]:
        """Return the value that each window of each entity has now, at the newest event; None: it is unknown. Windows
        in which nothing is are left out.
        """
        found: dict[tuple[str, tuple[str, ...], str], object] = {}
        for topic in self.state.topics.values():
            for view in topic.views.values():
                for key, track in view.tracks.items():
                    for at, window in track.windows.items():
                        of = view.plan.aggregates.all[at]
                        now = awake(window.at_rest(), of)
                        now.settle(topic.newest())
                        function = "sum" if of.kind is Kind.VALUES else of.kind.value
                        if now.value(function) != Window(of.fold, of.seconds).value(function):
                            found[repr(view.plan.key), entity_of(key), repr(of)] = now.value(function)
        return found

    def unknown(self) -> set[tuple[str, str]]:
        """Return the windows that are unknown now, and their views."""
        return {
            (repr(view.plan.key), repr(of))
            for topic in self.state.topics.values()
            for view in topic.views.values()
            for of, begun in view.samples.begun.items()
            if begun.time + of.seconds > topic.newest()
        }
