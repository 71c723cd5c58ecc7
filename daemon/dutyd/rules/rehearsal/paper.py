"""The ledger on paper: what its scripts say of incidents that arrive, wait and end, in event time.

A pure twin of ``lua/accept.lua``, ``claim.lua``, ``join.lua`` and ``rest.lua`` as far as they hold incidents back:
throttles and their roll-up pages, storms and groups and their parents, the brake, and what wakes what is muted.
``desk`` works with it as the worker does with Redis; ``tests/integration/ledger/test_paper.py`` plays both and holds
their answers against each other.
"""

import math
from bisect import bisect_right, insort
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heappop, heappush

from dutyd.core.incident import Trigger, incident_id
from dutyd.core.limits import Brake, Throttle
from dutyd.core.mute import Mute, Other
from dutyd.ledger.members import GATHERING_SECONDS, STORM_OPENINGS, STORM_SECONDS, Gathering
from dutyd.rules.rehearsal.throttling import Throttling

NO_THROTTLE = Throttle()
THROTTLE = "throttle"
GROUP = "group"
STORM = "storm"


class Kind(StrEnum):
    """What an entry stands for."""

    INCIDENT = "incident"
    STORM = "storm"  # the parent of a storm's members
    ROLLUP = "rollup"  # one page for what a throttle holds back
    GROUP = "group"  # the one incident that a group's members are


@dataclass(frozen=True, slots=True)
class Terms:
    """How a rule's incidents may be held back.

    Attributes:
        brakes: of the rule and of the policy.
        pages: whether a throttled one joins a roll-up page.
        storms: whether too many at once become members of one parent.
        grouped: whether they become members of a group, which is throttled in their place.

    """

    throttle: Throttle = NO_THROTTLE
    brakes: tuple[Brake, ...] = ()
    pages: bool = False
    storms: bool = False
    grouped: bool = False


@dataclass(slots=True)
class Entry:
    """One incident, or one page for many, as far as it has come.

    Attributes:
        trigger: the newest; of a page for many, the one that it was made for.
        accepted: when it came, seconds since the epoch.
        braked: whether a brake was on when it came.
        begun: whether something was done for it.
        muted_by: what mutes it: ``throttle``, ``storm``, ``group``, or as ``core.mute`` says; empty: nothing.
        due: when it is looked at next; infinite: not by itself.
        parent: of a member of a storm or a group.
        members: what it stands for.
        open: how many of these have not ended.

    """

    id: str
    kind: Kind
    trigger: Trigger
    accepted: float
    terms: Terms
    braked: bool = False
    begun: bool = False
    muted_by: str = ""
    due: float = math.inf
    parent: "Entry | None" = None
    members: list["Entry"] = field(default_factory=list)
    open: int = 0


class Paper:
    """All that is open.

    Attributes:
        braked: the rules that a brake holds.

    """

    def __init__(self) -> None:
        self.braked: set[str] = set()
        self._open: dict[str, Entry] = {}
        self._of_rule: defaultdict[str, dict[str, Entry]] = defaultdict(dict)
        self._due: list[tuple[float, str]] = []
        self._throttling = Throttling()
        self._waiting: defaultdict[str, set[str]] = defaultdict(set)
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._storms: dict[str, Entry] = {}
        self._groups: dict[str, Entry] = {}
        self._rollups: dict[str, Entry] = {}
        self._rolled: dict[str, float] = {}
        self._openings: defaultdict[str, list[float]] = defaultdict(list)

    def get(self, incident: str) -> Entry | None:
        """Return what is open by that id."""
        return self._open.get(incident)

    def others(self, rules: Iterable[str]) -> Iterator[Other]:
        """Yield the open incidents of *rules*."""
        for rule in rules:
            for incident, entry in self._of_rule[rule].items():
                yield Other(rule, incident, entry.trigger.entity)

    def arrive(self, trigger: Trigger, terms: Terms, at: float) -> Entry:
        """Take in what opened; it is due at once unless something holds it back."""
        entry = Entry(trigger.incident, Kind.INCIDENT, trigger, at, terms)
        self._open[entry.id] = self._of_rule[trigger.rule][entry.id] = entry
        entry.braked = self._brake(trigger, terms)
        if terms.grouped:
            self._wake(entry, at)
        elif not self._joins_storm(entry, at):
            self._throttle(entry, at)
            if entry.muted_by and terms.pages:
                self._join_rollup(entry, at)
        return entry

    def claim(self, until: float) -> tuple[float, Entry] | None:
        """Return what is due first, and when, if that is by *until*; a throttled one only when there is room."""
        while self._due and self._due[0][0] <= until:
            at, name = heappop(self._due)
            entry = self._open.get(name)
            if entry is None or entry.due != at:
                continue
            entry.due = math.inf
            if entry.muted_by == THROTTLE or (entry.kind is Kind.GROUP and not entry.begun and not entry.muted_by):
                first = not entry.muted_by
                self._throttle(entry, at)
                if first and entry.muted_by and entry.terms.pages:
                    self._join_rollup(entry, at)
                if entry.due > at:
                    continue
                entry.due = math.inf
            entry.muted_by = ""
            return at, entry
        return None

    def gather(self, entry: Entry, gathering: Gathering, at: float) -> None:
        """Make *entry*, which is free to begin, a member of the group that gathers now, or of *gathering*."""
        group = self._groups.get(gathering.name)
        if group is None or group.id not in self._open or group.begun or group.muted_by:
            trigger = gathering.trigger
            group = Entry(trigger.incident, Kind.GROUP, trigger, at, entry.terms)
            self._open[group.id] = self._groups[gathering.name] = group
            self._wake(group, at + gathering.wait)
        group.braked = group.braked or entry.braked
        self._join(entry, group, GROUP)
        if group.open >= gathering.at_most:
            del self._groups[gathering.name]
            self._wake(group, at)

    def members_of(self, group: Entry) -> list[Trigger]:
        """Return the triggers of the members that are open."""
        return [member.trigger for member in group.members if member.id in self._open]

    def _join(self, entry: Entry, parent: Entry, word: str) -> None:
        parent.members.append(entry)
        parent.open += 1
        entry.parent, entry.muted_by = parent, word

    def mute(self, entry: Entry, mute: Mute) -> None:
        """Let *entry* wait for the end of *mute*."""
        entry.muted_by = mute.by
        self._waiting[mute.by].add(entry.id)
        self._wake(entry, mute.until)

    def wait(self, entry: Entry, until: float) -> None:
        """Have *entry*, which has begun, looked at again at *until*."""
        self._wake(entry, until)

    def close(self, entry: Entry, at: float) -> Entry | None:
        """Forget *entry*, and wake what it mutes; return the parent that ends with it, None where none does."""
        del self._open[entry.id]
        self._of_rule[entry.trigger.rule].pop(entry.id, None)
        mutes = f"incident:{entry.id}"
        for name in self._waiting.pop(mutes, ()):
            if (other := self._open.get(name)) is not None and other.muted_by == mutes:
                self._wake(other, at)
        if entry.parent is None:
            return None
        entry.parent.open -= 1
        return entry.parent if entry.parent.open == 0 else None

    def _wake(self, entry: Entry, at: float) -> None:
        entry.due = at
        heappush(self._due, (at, entry.id))

    def _throttle(self, entry: Entry, at: float) -> None:
        trigger = entry.trigger
        free = self._throttling.until(trigger.rule, tuple(trigger.entity.values()), entry.terms.throttle, at)
        entry.muted_by = "" if free is None else THROTTLE
        self._wake(entry, at if free is None else free)

    def _create(self, kind: Kind, entry: Entry, due: float, at: float) -> Entry:
        rule = entry.trigger.rule
        made = Entry(incident_id(rule, (kind.value,), entry.id), kind, entry.trigger, at, entry.terms)
        self._open[made.id] = made
        self._wake(made, due)
        return made

    def _joins_storm(self, entry: Entry, at: float) -> bool:
        """Make *entry* a member of its rule's storm, if that is one."""
        rule = entry.trigger.rule
        if not entry.terms.storms:
            return False
        recent = self._recent[rule]
        recent.append(at)
        while recent[0] <= at - STORM_SECONDS:
            recent.popleft()
        if len(recent) <= STORM_OPENINGS:
            return False
        parent = self._storms.get(rule)
        if parent is None or parent.id not in self._open:
            parent = self._storms[rule] = self._create(Kind.STORM, entry, at + GATHERING_SECONDS, at)
        self._join(entry, parent, STORM)
        return True

    def _join_rollup(self, entry: Entry, at: float) -> None:
        """List *entry* on its rule's next roll-up page: at most one in the throttle's shortest span."""
        rule, throttle = entry.trigger.rule, entry.terms.throttle
        current = self._rollups.get(rule)
        if current is None or current.begun or current.muted_by:
            span = min(rate.seconds for rate in (*throttle.per_rule, *throttle.per_entity))
            due = max(at + GATHERING_SECONDS, self._rolled.get(rule, 0.0) + span)
            current = self._rollups[rule] = self._create(Kind.ROLLUP, entry, due, at)
            self._rolled[rule] = due
        current.members.append(entry)

    def _brake(self, trigger: Trigger, terms: Terms) -> bool:
        """Count an opening, in event time; return whether a brake of its rule is on."""
        rule, opened, openings = trigger.rule, trigger.opened, self._openings[trigger.rule]
        if not terms.brakes:
            return False
        insort(openings, opened)
        for brake in terms.brakes:
            if bisect_right(openings, opened) - bisect_right(openings, opened - brake.within) > brake.openings:
                self.braked.add(rule)
        del openings[: bisect_right(openings, openings[-1] - max(brake.within for brake in terms.brakes))]
        return rule in self.braked
