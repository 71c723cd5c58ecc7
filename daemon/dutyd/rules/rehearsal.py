"""Rehearse rules on events: the real engine, and an actor for each opening, in event time.

``rules test`` and ``backtest`` put events in and get openings out: when, for which entity, when they cleared, and
which effects there would have been. Nothing waits and nothing leaves. Throttles are judged as the ledger does, by the
events' time; what else the ledger and people judge (pauses, silences, daily money, approvals) is no part of it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any

from dutyd.core.event import Event
from dutyd.core.incident import Trigger, TriggerKind
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import LATENESS, Change, Counts, State, judge, next_due, plan, tick
from dutyd.evaluate.triggers import trigger_of
from dutyd.rules.actor import Actor, Done, Script
from dutyd.rules.known import Known
from dutyd.rules.throttling import Throttling


@dataclass(slots=True)
class Opening:
    """One incident, as far as it came.

    Attributes:
        entity: ``per`` field to value.
        opened, cleared: event time, seconds since the epoch; None: it is still open.
        effects: in order, those of ``on_clear`` too.
        said: what the gateway told the model where it refused.
        runs: how often the model would have been asked.
        over: whether it has ended: it cleared, or it stands for one event and all was done.
        muted: whether a throttle held it back, at first or for good.
        seen, clearing: the values that it was decided by, where they are kept.

    """

    rule: str
    entity: Mapping[str, str]
    opened: float
    cleared: float | None = None
    effects: list[Done] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    runs: int = 0
    over: bool = False
    muted: bool = False
    seen: Mapping[str, Any] = field(default_factory=dict)
    clearing: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Work:
    """An incident that is open: its actor has not begun where a throttle holds it back."""

    opening: Opening
    actor: Actor
    held: bool = False


@dataclass(slots=True)
class _Task:
    """One partition: its state, and the newest second of its events."""

    state: State = field(default_factory=State)
    newest: float = -math.inf

    def seconds(self, events: Sequence[Event]) -> Iterator[tuple[int, int, float | None]]:
        """Yield where to cut *events*, so that time goes on by seconds: each part, and the second that it begins."""
        begin, second = 0, None
        for at, event in enumerate(events):
            if event.time >= self.newest + 1:
                if at > begin:
                    yield begin, at, second
                self.newest = float(math.floor(event.time))
                begin, second = at, self.newest
        if begin < len(events):
            yield begin, len(events), second


class Rehearsal:
    """Rules and what became of the events so far.

    Attributes:
        openings: in the order of their opening.

    """

    def __init__(
        self,
        rules: Iterable[Rule],
        known: Known,
        script: Script | None = None,
        *,
        keep_values: bool = False,
    ) -> None:
        """Begin with no events; *keep_values*: remember what each opening was decided by."""
        self.openings: list[Opening] = []
        self._rules = {rule.id: rule for rule in rules}
        self._known = known
        self._script = script or Script()
        self._keep = keep_values
        lateness = {alias: topic.lateness for alias, topic in (known.topics or {}).items()}
        self._plan, self._tasks = plan(self._rules.values(), lateness), dict[int, _Task]()
        self._open: dict[str, _Work] = {}
        self._throttling = Throttling()
        self._held: list[tuple[float, int, str]] = []
        self._serial = count()

    def judge(self, topic: str, events: Sequence[Event], partition: int = 0) -> None:
        """Take *events* of the topic's alias; how they are cut into calls changes nothing."""
        task = self._tasks.setdefault(partition, _Task())
        planned = self._plan.topics.get(topic)
        lateness = LATENESS if planned is None else planned.lateness
        for begin, end, second in task.seconds(events):
            if second is not None:
                self._follow(tick(self._plan, task.state, second - lateness))
            self._follow(judge(self._plan, task.state, topic, events[begin:end]))

    def begin(self, at: float) -> None:
        """Start the clock of scheduled rules, seconds since the epoch; without it none is due."""
        self._follow(tick(self._plan, self._tasks.setdefault(0, _Task()).state, at, clock=at))

    def end(self, at: float) -> None:
        """Let time go on up to *at*, seconds since the epoch: what is due by then fires, nothing later does."""
        for task in self._tasks.values():
            while (due := next_due(self._plan, task.state)) <= at:
                self._follow(tick(self._plan, task.state, -math.inf, clock=due))
        changes = [change for task in self._tasks.values() for change in tick(self._plan, task.state, at)]
        self._follow(sorted(changes, key=lambda change: change.decided))
        self._release(at)

    def counts(self) -> list[Counts]:
        """Return what the engine counted since the last call."""
        return [task.state.take_counts() for task in self._tasks.values()]

    def _follow(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._release(change.decided)
            trigger = trigger_of(change, digest="", partition=0)
            if change.kind is TriggerKind.OPENED:
                self._begin(trigger)
            elif change.kind is TriggerKind.CLEARED and trigger.incident in self._open:
                self._clear(self._open.pop(trigger.incident), trigger)
            elif change.kind is TriggerKind.CHANGED and trigger.incident in self._open:
                self._again(self._open[trigger.incident], trigger)

    def _begin(self, trigger: Trigger) -> None:
        rule = self._rules[trigger.rule]
        opening = Opening(rule.id, trigger.entity, trigger.opened, seen=self._values(trigger))
        self.openings.append(opening)
        actor = Actor(rule, self._known, trigger, self._script, opening.effects, opening.said)
        self._open[trigger.incident] = work = _Work(opening, actor)
        self._try(trigger.incident, work, trigger.decided)

    def _again(self, work: _Work, trigger: Trigger) -> None:
        """Begin a further round; one that is held back begins with what is seen now when there is room."""
        if work.held:
            work.actor.trigger = trigger
        else:
            work.actor.again(trigger)
            work.opening.runs = work.actor.runs

    def _try(self, incident: str, work: _Work, at: float) -> None:
        """Act, unless a throttle says when to try again."""
        rule, entity = work.actor.rule, tuple(work.opening.entity.values())
        free = self._throttling.until(rule.id, entity, rule.throttle, at)
        work.held = free is not None
        if free is None:
            work.actor.act()
            work.opening.runs = work.actor.runs
            if work.actor.trigger.momentary:
                del self._open[incident]
                work.opening.over = True
        else:
            work.opening.muted = True
            heappush(self._held, (free, next(self._serial), incident))

    def _release(self, until: float) -> None:
        """Let muted incidents go on whose time has come and that are still open."""
        while self._held and self._held[0][0] <= until:
            at, _, incident = heappop(self._held)
            if incident in self._open:
                self._try(incident, self._open[incident], at)

    def _clear(self, work: _Work, trigger: Trigger) -> None:
        opening = work.opening
        opening.cleared, opening.clearing, opening.over = trigger.decided, self._values(trigger), True
        if not work.held:
            work.actor.clear(trigger)

    def _values(self, trigger: Trigger) -> Mapping[str, Any]:
        evidence = trigger.evidence
        return {**evidence.fields, **evidence.let, **evidence.values} if self._keep else {}
