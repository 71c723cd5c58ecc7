"""What the snapshots of a task say when it is taken up: how far back must be replayed, and the tracks to go on from.

``assignment`` reads the checkpoint into a ``Resume`` and asks it how much to replay; ``bind`` then takes each view's
part. What can't be used, because a value is damaged, a view is not what it was, or records between are gone, is left
out by the whole view or topic: that is replayed from its windows' beginning, as if there were no snapshots.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dutyd.evaluate.engine.compiled.plan import Limits, Plan, ViewPlan
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.snapshots.snapshot import (
    Cover,
    Origin,
    Snapshot,
    aggregate_name,
    intact,
    placed,
    unseal,
    view_name,
)

OWNER = b"owner"
"""The field that says who wrote the others: the checkpoint's."""

_ORIGIN = b"at:"


def origin_of(alias: str) -> bytes:
    """Return the field that holds the ``Origin`` of topic *alias*."""
    return _ORIGIN + alias.encode()


class Taken(NamedTuple):
    """What is there of one view.

    Attributes:
        cover: what it takes in; None: that is not known.
        tracks: its entities; None: there are no snapshots that are of use.

    """

    cover: Cover | None
    tracks: Iterator[tuple[Key, Snapshot]] | None


class Resume:
    """The snapshots of one task.

    Attributes:
        refused: how many values are damaged, or of another version.

    """

    def __init__(self) -> None:
        self.refused = 0
        self._origins: dict[str, Origin] = {}
        self._covers: dict[str, Cover] = {}
        self._tracks: dict[str, list[tuple[Key, bytes]]] = defaultdict(list)
        self._spoilt: set[str] = set()
        self._forgotten: set[str] = set()

    def read(self, page: Mapping[bytes, bytes]) -> None:
        """Take some of the fields of the checkpoint."""
        for name, value in page.items():
            if name == OWNER:
                continue
            whole = intact(value)
            self.refused += not whole
            if name.startswith(_ORIGIN):
                if whole:
                    self._origins[name[len(_ORIGIN) :].decode()] = unseal(value, Origin)
                continue
            view, key = placed(name)
            if not whole:
                self._spoilt.add(view)
            elif key is None:
                self._covers[view] = unseal(value, Cover)
            else:
                self._tracks[view].append((key, value))

    def origin(self, alias: str) -> Origin | None:
        """Return the first event of topic *alias* that the snapshots lack; None: they are of no use."""
        found = self._origins.get(alias)
        return None if found is None or found.arrival == -math.inf else found

    def lacks_before(self, alias: str, offset: int) -> bool:
        """Return whether the snapshots of topic *alias* lack an event below *offset*, where replay can't begin."""
        origin = self.origin(alias)
        return origin is not None and origin.arrival < math.inf and origin.offset < offset

    def forget(self, alias: str) -> None:
        """Take nothing from what is there of topic *alias*."""
        self._origins.pop(alias, None)
        self._forgotten.add(alias)

    def reach(self, plan: Plan, alias: str, decided: float) -> float:
        """Return how many seconds before *decided*, since the epoch, the replay of topic *alias* must begin."""
        views = plan.topics[alias].views if alias in plan.topics else ()
        lacking = max((self._lacking(alias, view, plan.limits) for view in views), default=0.0)
        origin = self.origin(alias)
        return lacking if origin is None else max(lacking, decided - origin.arrival)

    def _lacking(self, alias: str, view: ViewPlan, limits: Limits) -> float:
        """Return how far back that reaches of *view* which no snapshot holds, in seconds."""
        name = view_name(alias, *view.key)
        if not self._holds(alias, name, view, limits):
            return view.reach
        known = self._covers[name].begun
        return max((each.seconds for each in view.aggregates.all if aggregate_name(each) not in known), default=0.0)

    def _holds(self, alias: str, name: str, view: ViewPlan, limits: Limits) -> bool:
        """Return whether there are snapshots of *view*, called *name*, that are of use."""
        usable = self.origin(alias) is not None and name in self._covers and name not in self._spoilt
        return usable and view.has_snapshots(limits)

    def take(self, alias: str, view: ViewPlan, limits: Limits) -> Taken:
        """Return, and forget, what is there of *view*."""
        name = view_name(alias, *view.key)
        holds = self._holds(alias, name, view, limits)
        tracks = self._tracks.pop(name, []) if holds else None
        known = alias not in self._forgotten and name not in self._spoilt
        return Taken(self._covers.pop(name, None) if known else None, None if tracks is None else _unsealed(tracks))

    @property
    def rest(self) -> bool:
        """Whether there is more in the checkpoint than was taken."""
        return bool(self.refused or self._covers or self._tracks)


def _unsealed(tracks: list[tuple[Key, bytes]]) -> Iterator[tuple[Key, Snapshot]]:
    while tracks:
        key, value = tracks.pop()
        yield key, unseal(value, Snapshot)
