"""Rules that are asked together, at work: who moves at this event, and moving them.

``View`` calls ``judge`` for the tables that an event, or a pane that left, touches. Here is the one boundary around
what rules compute: where generated code raises, the table's rules are asked again one by one by the tree-walking
evaluator, and only a rule that raises there, too, has failed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dutyd.core.event import Event
from dutyd.core.expr import Look, Node, evaluate
from dutyd.core.expr.operators import invert, number
from dutyd.core.expr.tree import Name
from dutyd.evaluate.engine.compiled.conditions import Conditions
from dutyd.evaluate.engine.compiled.cuts import Cuts
from dutyd.evaluate.engine.compiled.plan import TablePlan
from dutyd.evaluate.engine.compiled.touch import NOTHING
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.latches.latch import Latch, Phase
from dutyd.evaluate.engine.latches.moment import Moment, look_at
from dutyd.evaluate.engine.latches.runner import Move, Runner
from dutyd.evaluate.engine.views.timing import wait
from dutyd.evaluate.engine.windows.tracks import Track

if TYPE_CHECKING:
    from dutyd.evaluate.engine.views.view import View


class Table:
    """Rules that read more than one number.

    Attributes:
        plan: what is known before the first event.
        runners: the rules, by their numbers in the table.
        masks: entity to two bits a rule (``codegen``); only entities with a latch that is not inactive.
        band: the numbers with which no inactive latch moves.
        seen: how many events had a usable value in the one field that they need.
        unknown: how often the one window that they read was unknown.

    """

    __slots__ = ("_failing", "_view", "band", "masks", "plan", "runners", "seen", "unknown")

    def __init__(self, plan: TablePlan, runners: Sequence[Runner], view: "View") -> None:
        self.plan = plan
        self.runners = runners
        self.masks: dict[Key, int] = {}
        self.band = plan.touch.band if plan.touch is not None else NOTHING
        self.seen = 0
        self.unknown = 0
        self._view = view
        self._failing = False
        for at, runner in enumerate(runners):
            runner.join(self.masks, at, self.forget)

    def asks(self, value: Any, key: Key) -> bool:
        """Return whether *value* of a field that touches it is beyond the guard."""
        if value.__class__ is float or value.__class__ is int:
            low, high = self.band
            self.seen += 1
            return not low <= value <= high or key in self.masks
        usable = value is not None and self.plan.quantity is None
        self.seen += usable
        return usable

    def forget(self, key: Key, runner: Runner) -> None:
        """Take note that a latch of *key* went by itself: only the next event asks again, whatever it brings."""
        track = self._view.tracks.get(key)
        if track is not None and self.plan.reads:
            track.doubt(self.plan.reads)
            track.ended = track.ended.union((runner,))

    def judge(self, key: Key, event: Event, time: float, track: Track | None) -> Move:
        """Ask the rules about *event* at *time* and move their latches; REFUSED where one could not move."""
        try:
            hits = self._ask(key, event, time, track)
        except Exception:  # noqa: BLE001  # the boundary: one rule's fault must not stop the others
            hits = self._ask_each(key, event, time, track)
        else:
            if self._failing:
                self._recover()
        return self._act(hits, key, event, time, track) if hits else Move.MOVED

    def _ask(self, key: Key, event: Event, time: float, track: Track | None) -> Sequence[int]:
        """Return the numbers of the rules that move, inverted those that are unknown."""
        before = track.before if track is not None else None
        prev = _nothing.get if before is None else before.fields.get
        return self.plan.code(event.fields.get, prev, self._view.samples.read, track, time, self.masks.get(key, 0))

    def _ask_each(self, key: Key, event: Event, time: float, track: Track | None) -> Sequence[int]:
        look = look_at(event, time, track, self._view.samples)
        hits = []
        for at, runner in enumerate(self.runners):
            if runner.off:
                continue
            try:
                moves = decide(runner.conditions, runner.latches.get(key), look)
            except Exception as error:  # noqa: BLE001  # the same boundary, rule by rule
                self._failing = True
                runner.fail(error)
                continue
            runner.failures = 0
            if moves is not False:
                hits.append(at if moves else ~at)
        return hits

    def _recover(self) -> None:
        self._failing = False
        for runner in self.runners:
            runner.failures = 0

    def _act(self, hits: Sequence[int], key: Key, event: Event, time: float, track: Track | None) -> Move:
        offset = event.offset if time == event.time else self._view.topic.offset
        moment = Moment(event, time, offset, look_at(event, time, track, self._view.samples))
        result = Move.MOVED
        for hit in hits:
            runner = self.runners[max(hit, ~hit)]
            try:
                outcome = self._move(hit, runner, key, moment)
            except Exception as error:  # noqa: BLE001  # the same boundary: evidence is computed by the rule, too
                self._failing = True
                runner.fail(error)
                outcome = Move.REFUSED
            if outcome is Move.REFUSED:
                result = Move.REFUSED
        self._view.watch(key, self)
        return result

    def _move(self, hit: int, runner: Runner, key: Key, moment: Moment) -> Move:
        if hit < 0:
            runner.count_unknown(key, moment)
            return Move.MOVED
        track = self._view.tracks.get(key)
        if track is not None and runner in track.ended and key not in runner.latches:
            return Move.REFUSED
        outcome = runner.move(key, moment)
        return wait(self._view, key, runner, moment.event) if outcome is Move.WAITS else outcome


class NumberTable(Table):
    """Rules that compare one number, a field or a window, with constants.

    Attributes:
        function: of the window; empty for a field.

    """

    __slots__ = ("_cuts", "_field", "_high", "_low", "_ranks", "_window", "function")

    def __init__(self, plan: TablePlan, runners: Sequence[Runner], view: "View") -> None:
        super().__init__(plan, runners, view)
        quantity = plan.quantity
        self._field = quantity.name if isinstance(quantity, Name) else None
        self._window = plan.aggregates.numbers[quantity] if not isinstance(quantity, Name | None) else None
        self.function = "" if isinstance(quantity, Name | None) else quantity.function
        self._low, self._high = self.band
        self._ranks: dict[Key, int] = {}
        self._cuts: Cuts | None = plan.cuts

    def forget(self, key: Key, runner: Runner) -> None:
        """As above; the rank does not say any more where every latch stands."""
        super().forget(key, runner)
        self._ranks.pop(key, None)

    def judge(self, key: Key, event: Event, time: float, track: Track | None) -> Move:
        """Ask the rules; remember the rank as long as it says where every latch of the entity stands."""
        value = self._value(event, time, track)
        if value is None:
            self.unknown += 1
            return Move.MOVED
        if not self.is_beyond(value, key):
            return Move.MOVED
        outcome = super().judge(key, event, time, track)
        if self._cuts is not None and (outcome is Move.REFUSED or self._failing or key not in self.masks):
            self._ranks.pop(key, None)
        return outcome

    def is_beyond(self, value: float | None, key: Key) -> bool:
        """Return whether a number may move a latch of *key*; unknown moves none, but is counted."""
        return value is None or value < self._low or value > self._high or key in self.masks

    def _value(self, event: Event, time: float, track: Track | None) -> float | None:
        if self._window is not None:
            return self._view.samples.read(self._window, track, time)
        return number(event.fields.get(self._field))  # type: ignore[arg-type]  # one of the two is set

    def _ask(self, key: Key, event: Event, time: float, track: Track | None) -> Sequence[int]:
        value = self._value(event, time, track)
        assert value is not None  # ``judge`` looked
        mask = self.masks.get(key, 0)
        if self._cuts is None:
            return self.plan.code(value, mask)
        rank, before = self._cuts.rank(value), self._ranks.get(key)
        if rank == before:
            return ()
        self._ranks[key] = rank
        return self._cuts.hits(value, mask, before, rank)


_nothing: dict[str, object] = {}


def decide(conditions: Conditions, latch: Latch | None, look: Look) -> bool | None:
    """Return whether the latch moves, None where the condition that would move it is unknown.

    What opens is ``when`` without ``clear``; what ends a pending is ``when`` false or ``clear``; what clears is
    ``clear``, without one ``when`` false.
    """
    when = _truth(conditions.when, look)
    clears = invert(when) if conditions.clear is None else _truth(conditions.clear, look)
    if latch is None:
        return when if when is not True else clears is not True
    if latch.phase is Phase.PENDING:
        return True if when is False or clears is True else invert(when)
    return clears if latch.ending is None or conditions.rule.keep == 0 else invert(clears)


def _truth(node: Node, look: Look) -> bool | None:
    value = evaluate(node, look)
    return value if isinstance(value, bool) else None
