"""Rehearse rules on events: the real engine, and the worker's desk behind it, in event time.

``rules test`` and ``backtest`` put events in and get openings out: when, for which entity, what held them back, when
they cleared, and which effects there would have been. Nothing waits and nothing leaves. The engine's triggers come on
the ``desk`` in the order of their times, from all partitions, and so do those of scheduled rules.
What people say, the script says.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from dutyd.core.event import Event
from dutyd.core.incident import Trigger
from dutyd.core.rule import Rule
from dutyd.core.topic import LATENESS
from dutyd.evaluate.engine import Change, Counts, State, judge, next_due, plan, tick
from dutyd.evaluate.triggers import trigger_of
from dutyd.rules.known import Known
from dutyd.rules.rehearsal.desk import Desk, Silences
from dutyd.rules.rehearsal.opening import Opening
from dutyd.rules.rehearsal.paper_means import Script

MOST_WAITING = 50_000
"""Triggers that are put in order; where more come, the older half is worked."""


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
    """Rules and what became of the events so far."""

    def __init__(
        self,
        rules: Iterable[Rule],
        known: Known,
        script: Script | None = None,
        silences: Silences = (),
        *,
        keep_values: bool = False,
    ) -> None:
        """Begin with no events; *keep_values*: remember what each opening was decided by."""
        ruled = {rule.id: rule for rule in rules}
        lateness = {alias: topic.lateness for alias, topic in (known.topics or {}).items()}
        self._plan = plan([rule for rule in ruled.values() if rule.schedule is None], lateness)
        self._tasks: dict[int, _Task] = {}
        self._lateness = max((topic.lateness for topic in self._plan.topics.values()), default=LATENESS)
        self._schedules, self._clock = plan([rule for rule in ruled.values() if rule.schedule is not None]), State()
        self._waiting: list[tuple[float, int, Trigger]] = []
        self._serial = count()
        self._desk = Desk(ruled, known, script or Script(), silences, keep_values=keep_values)

    @property
    def openings(self) -> list[Opening]:
        """The incidents, in the order of their opening."""
        return self._desk.openings

    @property
    def pages(self) -> list[Opening]:
        """The pages for many incidents."""
        return self._desk.pages

    def begin(self, at: float) -> None:
        """Start the clock of scheduled rules, seconds since the epoch; without it none is due."""
        self._take(tick(self._schedules, self._clock, at, clock=at))

    def judge(self, topic: str, events: Sequence[Event], partition: int = 0) -> None:
        """Take *events* of the topic's alias; how they are cut into calls changes nothing."""
        task = self._tasks.setdefault(partition, _Task())
        for begin, end, second in task.seconds(events):
            if second is not None:
                self._take(tick(self._plan, task.state, second - self._lateness))
            self._take(judge(self._plan, task.state, topic, events[begin:end]))
        if len(self._waiting) > MOST_WAITING:
            self._run_schedules(max(self._waiting)[0])
            self.work(MOST_WAITING // 2)

    def end(self, at: float) -> None:
        """Let time go on up to *at*, seconds since the epoch: what is due by then fires, nothing later does."""
        self._run_schedules(at)
        for task in self._tasks.values():
            self._take(tick(self._plan, task.state, at))
        self.work()
        self._desk.go_on(at)
        self._desk.finish()

    def work(self, left: int = 0) -> None:
        """Have all but *left* of the triggers that wait worked, in the order of their times."""
        while len(self._waiting) > left:
            self._desk.take(heappop(self._waiting)[-1])

    def counts(self) -> list[Counts]:
        """Return what the engine counted since the last call."""
        return [task.state.take_counts() for task in self._tasks.values()]

    def _run_schedules(self, until: float) -> None:
        while (due := next_due(self._schedules, self._clock)) <= until:
            self._take(tick(self._schedules, self._clock, -math.inf, clock=due))

    def _take(self, changes: Iterable[Change]) -> None:
        for change in changes:
            trigger = trigger_of(change, digest="", partition=0)
            heappush(self._waiting, (trigger.decided, next(self._serial), trigger))
