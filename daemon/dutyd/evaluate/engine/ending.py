"""A person closes an incident: its latch goes, whatever the events say; the next event may open another.

Called by a task for each order that stands in Redis, with the same order again and again until the trigger that clears
the incident was accepted: what is not firing any more, or firing for another occurrence, is left alone.
"""

from collections.abc import Sequence

import msgspec

from dutyd.core.incident import Ending, TriggerKind, incident_id
from dutyd.evaluate.engine.binding import bind
from dutyd.evaluate.engine.compiled.plan import Plan
from dutyd.evaluate.engine.entities import to_key
from dutyd.evaluate.engine.latches.latch import Change, Phase
from dutyd.evaluate.engine.latches.runner import change_of
from dutyd.evaluate.engine.state import State


def end(plan: Plan, state: State, endings: Sequence[Ending]) -> list[Change]:
    """Clear those of *endings* that are open incidents of this task; return what cleared."""
    bind(plan, state)
    return [change for ending in endings if (change := _end(state, ending)) is not None]


def _end(state: State, ending: Ending) -> Change | None:
    rule, key = ending.rule, to_key(ending.entity)
    latch = state.latches[rule].get(key) if rule in state.latches else None
    if latch is None or latch.phase is not Phase.FIRING or rule not in state.rules:
        return None
    if incident_id(rule, ending.entity, latch.occurrence) != ending.incident:
        return None
    state.rules[rule].runner.end(key)
    topic = state.topics[latch.topic]
    return msgspec.structs.replace(
        change_of(rule, key, latch, TriggerKind.CLEARED),
        decided=max(latch.opened, topic.newest()),
        offset=max(latch.offset, topic.offset),
        because=ending.why,
    )
