"""What the windows of a view sum up: each set of panes once, however many rules ask for it.

``avg(x, 5m)``, ``sum(x, 5m)`` and a second rule's ``avg(x, 5m)`` read one *aggregate*. ``view`` feeds aggregates with
samples and reads windows by their numbers, which the generated code knows.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dutyd.core.expr import Node
from dutyd.core.expr.compiler import Get, compile_predicate
from dutyd.core.expr.tree import Window, walk
from dutyd.evaluate.engine.compiled.conditions import Conditions
from dutyd.evaluate.engine.compiled.fold import Fold

_FOLDS = {"min": Fold.MIN, "max": Fold.MAX}


class Kind(StrEnum):
    """What samples are made into before they are summed up."""

    VALUES = "values"
    RISES = "rate"  # how far a counter rose since its sample before
    CHANGES = "delta"  # how far a number moved since its sample before
    ABSENCE = "absent"  # only when the last one came


_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Samples of one kind: the values of *field*, or 1 for each event where it is None, that pass *filter*.

    Attributes:
        kind: what they are made into.
        by: the field that tells series apart, for ``rate`` and ``delta``.

    """

    field: str | None
    filter: Node | None
    seconds: float
    fold: Fold
    kind: Kind = Kind.VALUES
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Those of one view.

    Attributes:
        all: by number.
        filters: by number; None: every event passes.
        numbers: every window's number.
        sources: by that number: of which aggregate it is which function.

    """

    all: tuple[Aggregate, ...]
    filters: tuple[Callable[[Get], bool | None] | None, ...]
    numbers: Mapping[Window, int]
    sources: tuple[tuple[int, str], ...]

    def read_by(self, rules: Iterable[Conditions]) -> frozenset[int]:
        """Return the aggregates that *rules* read in ``when`` or ``clear``."""
        roots = [root for rule in rules for root in (rule.when, rule.clear) if root is not None]
        windows = [node for root in roots for node in walk(root) if isinstance(node, Window)]
        return frozenset(self.sources[self.numbers[window]][0] for window in windows)


def aggregates_of(rules: Iterable[Conditions]) -> Aggregates:
    """Return what the windows of *rules*, in conditions and ``let``, need."""
    windows = dict.fromkeys(window for rule in rules for window in rule.windows)
    found: dict[Aggregate, int] = {}
    sources = []
    for window in windows:
        fold = _FOLDS.get(window.function, Fold.SUM)
        kind = _KINDS.get(window.function, Kind.VALUES)
        aggregate = Aggregate(window.field, window.filter, window.seconds, fold, kind, window.by)
        sources.append((found.setdefault(aggregate, len(found)), window.function))
    filters = tuple(None if each.filter is None else compile_predicate(each.filter) for each in found)
    return Aggregates(tuple(found), filters, {window: at for at, window in enumerate(windows)}, tuple(sources))
