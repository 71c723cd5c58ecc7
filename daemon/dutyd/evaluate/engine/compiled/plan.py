"""The plan: what the engine knows about a set of rules before the first event, shared by all tasks.

``plan`` sorts rules into *views* (the events of one topic that a ``where`` lets through, by the fields of one ``per``)
and, in each view, into *tables*: rules that the same fields or windows touch and that are asked together. Code is
generated when a table is first needed, so that loading ten thousand rules does not stop the intake. ``topic`` and
``view`` add the state.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from dutyd.core.expr import to_text
from dutyd.core.expr.compiler import Get, compile_predicate
from dutyd.core.expr.tree import Literal, Name, Window
from dutyd.core.opening import Opens
from dutyd.core.rule import Rule
from dutyd.core.topic import LATENESS
from dutyd.evaluate.engine.compiled.aggregates import Aggregates, Kind, aggregates_of
from dutyd.evaluate.engine.compiled.codegen import Hits, generate, generate_for_number
from dutyd.evaluate.engine.compiled.conditions import Conditions, conditions_of
from dutyd.evaluate.engine.compiled.cuts import LEAST, Cuts, step_of
from dutyd.evaluate.engine.compiled.selector import Selector, selector_of
from dutyd.evaluate.engine.compiled.sequence import SequencePlan, sequence_of
from dutyd.evaluate.engine.compiled.touch import NOTHING, Band, Touch, threshold_of, touch_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one task remembers at most.

    Attributes:
        latches: entities of one rule that are not inactive.
        entities: entities of one view of which windows, timers or values before are kept; half as many of which the
            newest event time is known for sure.
        duplicates: identities of one topic that are known for sure.
        replayed: seconds; what reaches no further back is replayed after a start, for repeats are anyway, and is in no
            snapshot.

    """

    latches: int = 100_000
    entities: int = 100_000
    duplicates: int = 1_000_000
    replayed: float = 300.0


@dataclass(frozen=True, eq=False)
class TablePlan:
    """Rules that are asked together.

    Attributes:
        rules: in the order of the files.
        quantity: the one number that all of them compare with constants; None where they read more.
        touch: which events may move a latch that is inactive; None: every event.
        aggregates: those of the view.

    """

    rules: tuple[Conditions, ...]
    quantity: Name | Window | None
    touch: Touch | None
    aggregates: Aggregates

    @cached_property
    def code(self) -> Callable[..., Hits]:
        """The generated function: of the quantity and the mask where there is a quantity (see ``codegen``)."""
        if self.quantity is not None:
            return generate_for_number(self.rules, self.quantity)
        return generate(self.rules, self.aggregates.numbers)

    @cached_property
    def cuts(self) -> Cuts | None:
        """The sorted cuts of rules on one number, where there are enough of them to be worth it."""
        if self.quantity is None or len(self.rules) < LEAST:
            return None
        steps = [step for rule in self.rules if (step := step_of(rule)) is not None]
        return Cuts(steps) if len(steps) == len(self.rules) else None

    @cached_property
    def reads(self) -> frozenset[int]:
        """The aggregates whose windows decide here."""
        return self.aggregates.read_by(self.rules)

    @cached_property
    def samples(self) -> frozenset[int]:
        """The aggregates of which a new sample may move a latch that is inactive."""
        windows = self.touch.windows if self.touch is not None else ()
        return frozenset(self.aggregates.sources[self.aggregates.numbers[window]][0] for window in windows)


@dataclass(frozen=True, eq=False)
class ViewPlan:
    """Rules of one topic with equal ``per`` and ``where``: they see the same events, by the same entities.

    Attributes:
        key: ``per`` and the text of ``where``: what the state belongs to when rules change. A sequence over several
            topics has a view of its own, which no event comes to.
        selector: which events it sees.
        rules: all of them.
        aggregates: what their windows need.
        tables: the rules again, as they are asked; without those of *each*.
        each: rules that open for each event by itself, and their conditions.
        remembers: whether one of them reads the event before.

    """

    key: tuple[tuple[str, ...], str]
    selector: Selector
    rules: tuple[Conditions, ...]
    aggregates: Aggregates
    tables: tuple[TablePlan, ...]
    each: tuple[tuple[Conditions, Callable[[Get], bool | None]], ...]
    remembers: bool

    @cached_property
    def reach(self) -> float:
        """How far back, in seconds, a replay must go to fill every window and to know who is silent; 0: nowhere."""
        windows = [each.seconds for each in self.aggregates.all]
        silences = [each.rule.silent.after for each in self.rules if each.rule.silent is not None]
        return max([*windows, *silences], default=0.0)

    @cached_property
    def patience(self) -> float:
        """How long after it, in seconds, something may ask for the last event of an entity, or since when it is absent;
        infinite: for ever.
        """
        if any(each.kind is Kind.ABSENCE for each in self.aggregates.all):
            return math.inf
        return max([self.reach, *(_patience(each.rule) for each in self.rules)], default=0.0)

    def has_snapshots(self, limits: Limits) -> bool:
        """Whether there are snapshots of its entities: see ``Limits.replayed``."""
        return self.patience > limits.replayed


@dataclass(frozen=True, eq=False)
class TopicPlan:
    """The views of one topic, and its lateness in seconds."""

    alias: str
    lateness: float
    views: tuple[ViewPlan, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """What the engine knows about a set of rules.

    Attributes:
        topics: by alias.
        rules: each rule's conditions by its id.
        sequences: the sequence of each rule that has one, by its id.
        schedules: the rules that are due by the clock, by their ids.
        limits: how much a task remembers.

    """

    topics: Mapping[str, TopicPlan]
    rules: Mapping[str, Conditions]
    sequences: Mapping[str, SequencePlan]
    schedules: Mapping[str, Rule]
    limits: Limits


def plan(rules: Iterable[Rule], lateness: Mapping[str, float] | None = None, limits: Limits | None = None) -> Plan:
    """Return the plan of *rules*; *lateness*: topic alias to seconds, ``LATENESS`` where it says nothing.

    Raises:
        WrongError: a rule can't be evaluated; ``rules.load`` refuses such files before.

    """
    rules = list(rules)
    schedules = {rule.id: rule for rule in rules if rule.schedule is not None}
    conditions = {rule.id: conditions_of(rule) for rule in rules if rule.schedule is None}
    by_topic: dict[str, list[Conditions]] = defaultdict(list)
    for found in conditions.values():
        by_topic[found.rule.topic].append(found)
    sequences = {
        id_: sequence_of(each.rule, each.digest) for id_, each in conditions.items() if each.rule.sequence is not None
    }
    for each in sequences.values():
        for alias in each.selectors:
            by_topic[alias] += ()
    known = lateness or {}
    topics = {
        alias: TopicPlan(alias, known.get(alias, LATENESS), tuple(_views(members)))
        for alias, members in by_topic.items()
    }
    return Plan(topics, conditions, sequences, schedules, limits or Limits())


def _patience(rule: Rule) -> float:
    """Return how long after the last event of its entity *rule* may show it: with what time alone does."""
    return math.inf if rule.again is not None or rule.expire is not None else max(rule.hold, rule.keep)


def horizon(of: Plan) -> float:
    """Return how far back, in seconds, a replay must go that knows nothing of any topic; 0: nowhere."""
    return max((view.reach for topic in of.topics.values() for view in topic.views), default=0.0)


def _views(rules: Iterable[Conditions]) -> Iterator[ViewPlan]:
    by_view: dict[tuple[tuple[str, ...], str], list[Conditions]] = defaultdict(list)
    for rule in rules:
        by_view[rule.rule.per, _sight(rule)].append(rule)
    for key, members in by_view.items():
        aggregates = aggregates_of(members)
        remembers = any(rule.prevs for rule in members)
        tables = tuple(_tables([rule for rule in members if not rule.rule.momentary], aggregates))
        each = tuple((rule, compile_predicate(rule.when)) for rule in members if rule.rule.opens is Opens.EACH_EVENT)
        where = Literal(value=False) if _is_apart(members[0].rule) else members[0].where
        yield ViewPlan(key, selector_of(where), tuple(members), aggregates, tables, each, remembers)


def _is_apart(rule: Rule) -> bool:
    """Whether *rule* is a sequence over several topics. Its timers follow the watermark alone, as its items do: in a
    view with others, an event that is read early would end an incident before what opens it again is judged.
    """
    return len(rule.topics) > 1


def _sight(of: Conditions) -> str:
    """Return what rules that see the same events have in common, as text: their ``where``."""
    if _is_apart(of.rule):
        return f"sequence {of.rule.id}"
    return "" if of.where is None else to_text(of.where)


def _tables(rules: Iterable[Conditions], aggregates: Aggregates) -> Iterator[TablePlan]:
    """Sort rules by what touches them: many thresholds on one number, a few of them, the rest."""
    groups: dict[object, list[tuple[Conditions, Name | Window | None, Touch | None]]] = defaultdict(list)
    for rule in rules:
        touch = touch_of(rule.when, rule.clear) if rule.rule.sequence is None else Touch()  # sequences open elsewhere
        quantity = _quantity(rule) if touch is not None else None
        group = quantity is not None and step_of(rule) is not None
        bounded = touch is not None and touch.band != NOTHING
        key = (quantity, group) if quantity is not None else (touch and (touch.fields, touch.windows), bounded)
        groups[key].append((rule, quantity, touch))
    for members in groups.values():
        _, quantity, touch = members[0]
        if touch is not None:
            touch = Touch(touch.fields, touch.windows, _common([each for _, _, each in members if each is not None]))
        yield TablePlan(tuple(rule for rule, _, _ in members), quantity, touch, aggregates)


def _quantity(rule: Conditions) -> Name | Window | None:
    """Return the one number that *rule* compares with constants, in ``when`` and ``clear``.

    A rule on a field whose ``let`` reads a window has none: it must wait until the windows are fed, for its evidence.
    """
    when = threshold_of(rule.when)
    clear = when if rule.clear is None else threshold_of(rule.clear)
    if when is None or clear is None or clear.quantity != when.quantity:
        return None
    return None if isinstance(when.quantity, Name) and rule.windows else when.quantity


def _common(touches: list[Touch]) -> Band:
    """Return the numbers for which no rule of a table can open."""
    return Band(max(touch.band.low for touch in touches), min(touch.band.high for touch in touches))
