"""One task of the engine whose checkpoint is a dictionary: it writes, dies, and goes on from what is written."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from dutyd.core.event import Event
from dutyd.evaluate.engine import Change, LatchKey, Plan, Resume, State, Trickle, judge, migrate, replay, tick
from dutyd.evaluate.engine.entities import entity_of
from dutyd.evaluate.engine.latches.stored import Stored
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
        replayed: how many events were read again so far.

    """

    def __init__(self, plan: Plan, events: Sequence[Event], slack: float = math.inf) -> None:
        """*slack*: how many seconds more than windows need are replayed, for repeats; infinite: everything is."""
        self.plan = plan
        self.events = events
        self.kept = Kept()
        self.told: list[Change] = []
        self.replayed = 0
        self._slack = slack
        self._untold: list[Change] = []
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

    def edit(self, plan: Plan) -> None:
        """Go on by other rules."""
        self._untold += migrate(self.plan, plan, self.state, 0.0)
        self.plan = plan

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
        self.kept.decided = self.at
        self.told += self._untold
        self._untold = []

    def die(self, plan: Plan | None = None) -> None:
        """Start again from what is written, by *plan* if that changed meanwhile."""
        self.plan = plan or self.plan
        self._untold = []
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

    def end(self, time: float) -> list[Change]:
        """Judge the rest, let time pass up to *time*, and return all that was told."""
        self.judge(len(self.events))
        self._untold += tick(self.plan, self.state, time)
        self.write(1.0)
        return self.told

    def values(self) -> Mapping[tuple[str, tuple[str, ...], str], object]:
        """Return the value of each window of each entity, as its rules would read it at its newest event; none of
        windows in which nothing is.
        """
        found: dict[tuple[str, tuple[str, ...], str], object] = {}
        for topic in self.state.topics.values():
            for view in topic.views.values():
                for key, track in view.tracks.items():
                    for node, number in view.plan.aggregates.numbers.items():
                        value = view.samples.read(number, track, track.newest)
                        if value != view.samples.read(number, None, track.newest):
                            found[repr(view.plan.key), entity_of(key), repr(node)] = value
        return found
