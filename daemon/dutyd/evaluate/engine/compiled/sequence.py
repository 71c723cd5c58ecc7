"""A rule's ``sequence``, compiled: which events are its items, what breaks it, and which events may matter at all.

``plan`` makes one for each rule that has a sequence; ``latches.progress`` judges events by it. A condition may read
what was seen of earlier items (``items.NAME.FIELD``); the selectors go by the rest of it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from dutyd.core.expr import Expr
from dutyd.core.expr.compiler import Get, compile_predicate
from dutyd.core.expr.tree import Binary, Has, Literal, Name, Node, walk
from dutyd.core.rule import Rule
from dutyd.evaluate.engine.compiled.conditions import conjuncts
from dutyd.evaluate.engine.compiled.selector import Selector, selector_of

ITEMS: Final = "items."
"""What the names of an earlier item's fields begin with."""

Test = Callable[[Get], bool | None]


@dataclass(frozen=True, eq=False)
class ItemPlan:
    """One item: its *name*, its *topic*, and which events are it (*where*; None: all that the rule sees)."""

    name: str
    topic: str
    where: Node | None

    @cached_property
    def holds(self) -> Test:
        """The compiled ``where``."""
        return compile_predicate(Literal(value=True) if self.where is None else self.where)

    @cached_property
    def bound(self) -> bool:
        """Whether it reads earlier items."""
        return self.where is not None and reads_items(self.where)


@dataclass(frozen=True, eq=False)
class SequencePlan:
    """A rule's sequence, compiled.

    Attributes:
        digest: what tells it from another.
        breaks: what breaks it, by the events of *guarded*; None: nothing.
        bound: whether ``breaks`` reads earlier items.
        waits: whether its events come from several topics, and so in no certain order.
        selectors: topic alias to which of its events may matter.

    """

    rule: Rule
    digest: str
    items: tuple[ItemPlan, ...]
    within: float
    guarded: str
    breaks: Test | None
    bound: bool
    waits: bool
    selectors: Mapping[str, Selector]


def sequence_of(rule: Rule, digest: str) -> SequencePlan:
    """Return the plan of the sequence of *rule*, which has one."""
    found = rule.sequence
    assert found is not None
    guard = found.unless
    return SequencePlan(
        rule=rule,
        digest=digest,
        items=tuple(ItemPlan(item.name, item.topic, _root(item.where)) for item in found.items),
        within=found.within,
        guarded="" if guard is None else guard.topic,
        breaks=None if guard is None else compile_predicate(guard.where.root),
        bound=guard is not None and reads_items(guard.where.root),
        waits=len(found.topics) > 1,
        selectors={topic: selector_of(_of_interest(rule, topic)) for topic in sorted(found.topics)},
    )


def reads_items(node: Node) -> bool:
    """Return whether *node* reads what was seen of an earlier item."""
    return any(isinstance(part, Name | Has) and part.name.startswith(ITEMS) for part in walk(node))


def _of_interest(rule: Rule, topic: str) -> Node | None:
    """Return what an event of *topic* must fulfil to be an item or to break the sequence; None: nothing."""
    assert rule.sequence is not None
    guard = rule.sequence.unless
    wheres = [_root(item.where) for item in rule.sequence.items if item.topic == topic]
    wheres += [guard.where.root] if guard is not None and guard.topic == topic else []
    either: Node = Literal(value=False)
    for where in wheres:
        own = [part for part in conjuncts(where) if not reads_items(part)] if where is not None else []
        part = _all_of(own) or Literal(value=True)
        either = part if either == Literal(value=False) else Binary("||", either, part)
    parts = [part for part in (_root(rule.where), either) if part is not None]
    return _all_of(part for part in parts if part != Literal(value=True))


def _root(expression: Expr | None) -> Node | None:
    return None if expression is None else expression.root


def _all_of(parts: Iterable[Node]) -> Node | None:
    """Return *parts* joined; None: there are none."""
    joined: Node | None = None
    for part in parts:
        joined = part if joined is None else Binary("&&", joined, part)
    return joined
