"""Muting, as values: what silences and inhibition say of an incident that is about to be worked.

A muted incident is not lost: it waits until the mute ends, and goes on if it is still open then. ``ledger`` keeps the
silences that people made; ``act.muting`` asks here, and so do ``rules test`` and ``backtest``. Pure: the time comes in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from dutyd.core.limits import Inhibit
from dutyd.core.opening import Schedule
from dutyd.core.place import UNPLACED, Place
from dutyd.core.version import VERSION

AGAIN_SECONDS = 60.0
"""How often an inhibited incident is asked again, should it not be woken by the end of the other one."""


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Some incidents are not to be acted on for a while.

    Attributes:
        id: short, for people.
        who: made it.
        because: and why.
        begins: seconds since the epoch.
        ends: and no longer.
        rule: only incidents of this rule; empty: of every rule.
        entity: ``per`` field to value: only incidents of such entities; empty: of every entity.
    """

    id: str
    who: str
    because: str
    begins: float
    ends: float
    rule: str = ""
    entity: dict[str, str] = {}
    v: int = VERSION

    @property
    def why(self) -> str:
        """For people."""
        return f"silenced by {self.who}: {self.because}"

    def until(self, now: float) -> float | None:
        """Return when the span that *now* lies in ends, None where it lies in none."""
        return self.ends if self.begins <= now < self.ends else None

    def covers(self, rule: str, entity: Mapping[str, str]) -> bool:
        """Whether it speaks of *entity* of *rule*, at whatever time."""
        return self.rule in ("", rule) and self.entity.items() <= entity.items()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringSilence:
    """A silence that comes again by the clock, written in a rule file.

    Attributes:
        id: unique among the files.
        because: why, for people.
        schedule: when it begins.
        lasts: seconds from each beginning.
        rule: only incidents of this rule; empty: of every rule.
        entity: ``per`` field to value: only incidents of such entities; empty: of every entity.
    """

    id: str
    because: str
    schedule: Schedule
    lasts: float
    rule: str = ""
    entity: Mapping[str, str] = field(default_factory=dict)
    place: Place = UNPLACED

    @property
    def why(self) -> str:
        """For people."""
        return f"silenced by the rule files ({self.id}): {self.because}"

    def span(self, now: float) -> tuple[float, float] | None:
        """Return begin and end of the span that *now* lies in, else of the next one; None: it never comes again."""
        begins = self.schedule.due_after(now - self.lasts)
        return None if begins is None else (begins, begins + self.lasts)

    def until(self, now: float) -> float | None:
        """Return when the span that *now* lies in ends, None where it lies in none."""
        span = self.span(now)
        return span[1] if span is not None and span[0] <= now else None

    def covers(self, rule: str, entity: Mapping[str, str]) -> bool:
        """Whether it speaks of *entity* of *rule*, at whatever time."""
        return self.rule in ("", rule) and self.entity.items() <= entity.items()


class Other(NamedTuple):
    """Another incident that is open: its rule, its id, and its entity."""

    rule: str
    incident: str
    entity: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mute:
    """An incident waits.

    Attributes:
        by: what mutes it: ``silence:ID``, ``incident:ID`` or ``wait``; when that ends early, the incident goes on.
        until: seconds since the epoch: when it is asked again, at the latest.
        why: for people.
    """

    by: str
    until: float
    why: str


def silenced(
    silences: Iterable[Silence | RecurringSilence], rule: str, entity: Mapping[str, str], now: float
) -> Mute | None:
    """Return the mute by that of *silences* which lasts longest, None where none covers it now."""
    ends = [(end, each) for each in silences if each.covers(rule, entity) and (end := each.until(now)) is not None]
    if not ends:
        return None
    end, last = max(ends, key=lambda pair: pair[0])
    return Mute(f"silence:{last.id}", end, last.why)


def all_silenced(
    silences: Sequence[Silence | RecurringSilence], rule: str, entities: Iterable[Mapping[str, str]], now: float
) -> Mute | None:
    """Return the mute of a page for many: silences cover every one of *entities*, and it lasts until the first ends."""
    mutes = [silenced(silences, rule, entity, now) for entity in entities]
    found = [mute for mute in mutes if mute is not None]
    return min(found, key=lambda mute: mute.until) if found and len(found) == len(mutes) else None


def inhibited(inhibit: Inhibit, own: Other, others: Iterable[Other], now: float, age: float) -> Mute | None:
    """Return the mute of *own* by one of *others*, those of the rules that inhibit it; or its wait for such a one.

    Args:
        inhibit: what its rule says.
        own: the incident that is about to be worked.
        others: the open incidents of ``inhibit.by``.
        now: seconds since the epoch.
        age: for how many seconds it has been known.

    """
    for other in others:
        same = all(other.entity.get(name) == own.entity.get(name) for name in inhibit.equal)
        if same and other.incident != own.incident:
            return Mute(f"incident:{other.incident}", now + AGAIN_SECONDS, f"inhibited by {other.rule}")
    left = inhibit.wait - age
    return Mute("wait", now + left, "waits for an incident that explains it") if left > 0 else None
