"""What a change of rule files would make of what is going on: which incidents stay, clear, or wait again.

``plan_change`` holds the rules in force and the new ones against the latches of all tasks, by the words of
``engine.sweep``: an edit opens nothing, and the next event judges. ``dutyd rules plan`` shows what it returns.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dutyd.core.expr import Look, evaluate
from dutyd.core.expr.text import to_text
from dutyd.core.expr.tree import Has, Name, Prev, Window
from dutyd.core.incident import Evidence
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Latch, LatchKey, Phase
from dutyd.evaluate.engine.compiled.conditions import Conditions, conditions_of


class Fate(StrEnum):
    """What becomes of a rule, or of something that is going on."""

    NEW = "new"  # a rule that was not there
    CHANGED = "changed"  # a rule that says something else now
    GONE = "gone"  # a rule that is there no more
    STAY = "stay"  # an incident goes on
    CLEAR = "clear"  # an incident clears
    HELD = "held"  # what was pending begins anew


@dataclass(frozen=True, slots=True)
class Outlook:
    """One rule, or one latch of a rule.

    Attributes:
        entity: the latch's values of ``per``; None: it is about the rule.
        since: event time of the opening, or of what is pending; seconds since the epoch; None for rules.
        because: why, or what changed; may be empty.

    """

    fate: Fate
    rule: str
    entity: tuple[str, ...] | None = None
    since: float | None = None
    because: str = ""


def plan_change(
    old: Mapping[str, Rule], new: Mapping[str, Rule], latches: Mapping[LatchKey, Latch]
) -> tuple[Outlook, ...]:
    """Return what *new* rules in place of *old* ones would make of *latches*: rules first, then what is going on."""
    rules = [found for name in {**old, **new} if (found := _of_rule(old.get(name), new.get(name))) is not None]
    open_ = {key: latch for key, latch in latches.items() if latch.phase is not Phase.INACTIVE}
    going_on = [_of_latch(key, latch, old.get(key[0]), new.get(key[0])) for key, latch in sorted(open_.items())]
    return (*rules, *going_on)


def _of_rule(old: Rule | None, new: Rule | None) -> Outlook | None:
    if old is None or new is None:
        found = new or old
        assert found is not None
        return Outlook(Fate.NEW if old is None else Fate.GONE, found.id)
    changed = tuple(_changed(old.raw, new.raw))
    return Outlook(Fate.CHANGED, new.id, because=", ".join(changed)) if changed else None


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys that say something else, those of steps by their names."""
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        if key in ("steps", "on_clear", "let") and isinstance(before, dict) and isinstance(after, dict):
            yield from (f"{key}.{name}" for name in {**before, **after} if before.get(name) != after.get(name))
        elif before != after:
            yield key


def _of_latch(key: LatchKey, latch: Latch, old: Rule | None, new: Rule | None) -> Outlook:
    name, entity = key
    firing = latch.phase is Phase.FIRING
    since = latch.opened if firing else latch.since
    if new is None:
        return Outlook(Fate.CLEAR, name, entity, since, "the rule is gone: it clears after five minutes without it")
    if (latch.topic or new.topic, new.per if latch.per is None else latch.per) != (new.topic, new.per):
        return Outlook(Fate.CLEAR, name, entity, since, "its `from` or `per` changed: other entities")
    conditions = conditions_of(new)
    edited = old is None or conditions_of(old).digest != conditions.digest
    if not firing:
        fate = Fate.HELD if edited else Fate.STAY
        return Outlook(fate, name, entity, since, "`for` begins anew" if edited else "still pending")
    return Outlook(Fate.STAY, name, entity, since, _next(conditions, latch) if edited else "")


def _next(conditions: Conditions, latch: Latch) -> str:
    """Say what the new conditions would make of another event like the one that the incident opened by."""
    if latch.evidence is None:
        return "the next event judges it"
    look = _look(latch.evidence)
    clear = None if conditions.clear is None else evaluate(conditions.clear, look)
    when = evaluate(conditions.when, look)
    ends = when is False if conditions.clear is None else clear is True
    return "an event like that of its opening would clear it" if ends else "the next event judges it"


def _look(evidence: Evidence) -> Look:
    def look(node: Name | Has | Window | Prev) -> object | None:
        if isinstance(node, Window | Prev):
            return evidence.values.get(to_text(node))
        value = evidence.fields.get(node.name)
        return value is not None if isinstance(node, Has) else value

    return look
