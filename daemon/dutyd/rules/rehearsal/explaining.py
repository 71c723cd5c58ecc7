"""Explain a rule at an event: what each part of its conditions came to, and what that makes of its incident.

``explain_rule`` judges events with the real engine and looks at the last of them; ``lines`` prints what it found.
Behind ``dutyd rules explain``, and below every rule test that fails.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dutyd.core.event import Event
from dutyd.core.expr import Explained, Expr, Look, evaluate, explain, number_text
from dutyd.core.expr.text import duration_text, quoted
from dutyd.core.expr.tree import Has, Name, Prev, Window
from dutyd.core.incident import TriggerKind
from dutyd.core.instant import instant_text
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Change, Counts, Phase, State, judge, peek, plan
from dutyd.evaluate.engine.entities import entity_of, entity_value, key_of
from dutyd.rules.rehearsal.explaining_sequences import Watched

MOST_LINES = 200
"""Lines of one rule's explanation: a larger tree is cut, and says so."""


@dataclass(frozen=True, slots=True)
class Told:
    """One rule at one event.

    Attributes:
        entity: ``per`` field to value; empty where the event has none.
        verdict: what the event makes of the rule's incident, in a sentence.
        parts: ``where``, each ``let``, ``when``, ``clear``: what was asked, in that order.

    """

    rule: str
    entity: Mapping[str, str]
    verdict: str
    parts: Mapping[str, Explained] = field(default_factory=dict)


def explain_rule(rule: Rule, events: Sequence[Event], topics: Sequence[str] | None = None) -> Told:
    """Return what *rule* makes of the last of *events*, the others being what happened before.

    *topics*: the alias of each event's topic; None: all are of the rule's own.
    """
    last = events[-1]
    missing = [name for name in rule.per if entity_value(last.fields.get(name)) is None]
    if missing:
        return Told(rule.id, {}, f"no entity: {_listed(missing)} of `per` {_has(last, missing)}")
    entity = dict(zip(rule.per, entity_of(key_of(rule.per, last.fields.get) or ()), strict=True))
    if rule.sequence is not None:
        return _explain_sequence(rule, entity, events, topics or [rule.topic] * len(events))
    planned, state = plan([rule]), State()
    judge(planned, state, rule.topic, events[:-1])
    state.take_counts()
    changes = [change for change in judge(planned, state, rule.topic, [last]) if change.decided == last.time]
    look = _with_let(rule, peek(state, rule.id, last))
    parts = {"where": explain(rule.where, peek(state, rule.id, last))} if rule.where is not None else {}
    if parts and parts["where"].value is not True:
        return Told(rule.id, entity, f"it does not see this event: `where` is {_because(parts['where'], parts)}", parts)
    parts |= {f"let {name}": explain(expression, look) for name, expression in rule.let.items()}
    parts["when"] = explain(rule.when, look)
    if rule.clear is not None:
        parts["clear"] = explain(rule.clear, look)
    return Told(rule.id, entity, _verdict(rule, state, last, changes, parts), parts)


def _explain_sequence(rule: Rule, entity: Mapping[str, str], events: Sequence[Event], topics: Sequence[str]) -> Told:
    key = key_of(rule.per, events[-1].fields.get)
    watched = Watched(plan([rule]), rule, () if key is None else key, events, topics)
    look = peek(watched.state, rule.id, events[-1])
    parts = {"where": explain(rule.where, look)} if rule.where is not None else {}
    if parts and parts["where"].value is not True:
        return Told(rule.id, entity, f"it does not see this event: `where` is {_because(parts['where'], parts)}", parts)
    parts |= watched.parts()
    if rule.clear is not None:
        parts["clear"] = explain(rule.clear, _with_let(rule, look))
    return Told(rule.id, entity, _dropped(watched.counts) or watched.verdict(parts), parts)


def lines(told: Told) -> list[str]:
    """Return *told* as lines for people."""
    found = [f"{told.rule}{_entity(told.entity)}: {told.verdict}"]
    for key, part in told.parts.items():
        found += [f"  {line}" for line in _tree(part, f"{key}: ")]
    return (
        found if len(found) <= MOST_LINES else [*found[:MOST_LINES], f"  ... and {len(found) - MOST_LINES} lines more"]
    )


def shown(value: object) -> str:
    """Return a value as it would be written in an expression."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    text = str(value)
    return quoted(text if len(text) <= 80 else f"{text[:79]}…")


def _verdict(rule: Rule, state: State, event: Event, changes: Sequence[Change], parts: Mapping[str, Explained]) -> str:
    if dropped := _dropped(state.take_counts()):
        return dropped
    if changes:
        return "it opens an incident" if changes[-1].kind is TriggerKind.OPENED else "it clears the incident"
    return _standing(rule, state, event, parts)


def _dropped(counts: Counts) -> str:
    """Say why an event was not judged; nothing where it was."""
    if counts.duplicates:
        return "an event with this source, id and time was read before: it is dropped"
    return "it is older than the newest event of its entity: it moves nothing" if counts.late else ""


def _standing(rule: Rule, state: State, event: Event, parts: Mapping[str, Explained]) -> str:
    """Say where the rule stands for an event that moved nothing, and why."""
    latch = state.latches[rule.id].get(key_of(rule.per, event.fields.get) or ())
    if latch is None:
        return f"it opens nothing: `when` is {_because(parts['when'], parts)}{_held_open(parts)}"
    if latch.phase is Phase.PENDING:
        due = instant_text(latch.since + rule.hold)
        return f"`when` is true since {instant_text(latch.since)}: it opens at {due}, after {duration_text(rule.hold)}"
    ends = parts.get("clear", parts["when"])
    what = "`clear`" if "clear" in parts else "`when`"
    return f"the incident of {instant_text(latch.opened)} stays open: {what} is {_because(ends, parts)}"


def _held_open(parts: Mapping[str, Explained]) -> str:
    clear = parts.get("clear")
    return ", and `clear` is true" if clear is not None and clear.value is True and parts["when"].value is True else ""


def _because(part: Explained, parts: Mapping[str, Explained]) -> str:
    """Return the value of *part*; of an unknown one the first cause, through every ``let``."""
    causes = {f"'{key.removeprefix('let ')}' has no value": each.unknown for key, each in parts.items()}
    why = part.unknown
    while (deeper := causes.get(why)) and deeper != why:
        why = deeper
    return shown(part.value) if part.value is not None else f"unknown ({why})"


def _with_let(rule: Rule, look: Look) -> Look:
    """Return *look* with the rule's ``let`` before the fields; each sees those above it."""
    known: dict[str, Expr] = dict(rule.let)
    names = list(known)

    def upto(count: int) -> Look:
        def see(node: Name | Has | Window | Prev) -> object | None:
            if isinstance(node, Name | Has) and node.name in names[:count]:
                value = evaluate(known[node.name], upto(names.index(node.name)))
                return value is not None if isinstance(node, Has) else value
            return look(node)

        return see

    return upto(len(names))


def _tree(part: Explained, label: str = "", depth: int = 0) -> Iterator[str]:
    """Yield *part* and, below it, what it was made of; what stands for itself is left out."""
    indent = "  " * depth
    own = part.value is None and not any(inner.value is None for inner in part.parts)
    why = f" ({part.unknown})" if own else ""
    yield f"{indent}{label}{part.text} = {shown(part.value)}{why}"
    for inner in part.parts:
        if inner.parts or inner.text != shown(inner.value):
            yield from _tree(inner, depth=depth + 1)


def _entity(entity: Mapping[str, str]) -> str:
    return f" ({', '.join(f'{name}={value}' for name, value in entity.items())})" if entity else ""


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)


def _has(event: Event, names: Sequence[str]) -> str:
    if all(event.fields.get(name) is None for name in names):
        return "has no value" if len(names) == 1 else "have no value"
    return "can't name an entity: expected a text, a bool or a whole number"
