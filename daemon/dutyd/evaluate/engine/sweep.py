"""Rules change while events flow: editing a rule must not act.

``bind`` takes over what still fits: firing latches stay and the next event judges them, what waits under an edited
rule begins anew. ``sweep`` closes what has no rule any more: at once where ``per`` or ``from`` changed, after five
minutes of absence where the rule is gone (a file may be on its way). It is the same whether the rules changed in a
running task or between a stop and a start.
"""

from collections.abc import Iterator

import msgspec

from dutyd.core.incident import TriggerKind
from dutyd.evaluate.engine.binding import bind
from dutyd.evaluate.engine.compiled.plan import Plan
from dutyd.evaluate.engine.entities import entity_of
from dutyd.evaluate.engine.latches.latch import Change, Phase
from dutyd.evaluate.engine.latches.runner import change_of
from dutyd.evaluate.engine.state import Closing, State

ABSENCE = 300.0
"""Seconds, by the caller's clock, for which a rule must be gone before its incidents clear."""


def sweep(plan: Plan, state: State, now: float) -> list[Change]:
    """Return the incidents that clear because their rule changed its entities, or is gone for five minutes.

    Call it when rules changed, and every few seconds: the first call after a rule is gone begins its five minutes.

    Args:
        plan: the plan from now on.
        state: of one task.
        now: the caller's clock, seconds since the epoch.

    """
    bind(plan, state)
    closing, state.closing = state.closing, []
    changes = [change for each in closing for change in _close(each, state, "rule changed")]
    for rule, since in list(state.absent.items()):
        if since is None:
            state.absent[rule] = now
        elif now - since >= ABSENCE:
            gone = [Closing(rule, key, latch) for key, latch in state.latches.pop(rule).items()]
            changes += [change for each in gone for change in _close(each, state, "rule removed")]
            del state.absent[rule]
    return changes


def _close(closing: Closing, state: State, because: str) -> Iterator[Change]:
    """Yield the change that clears an incident; nothing for a latch that never opened one."""
    rule, key, latch = closing
    state.journal.moved.add((rule, entity_of(key)))
    if latch.phase is Phase.FIRING:
        topic = state.topics.get(latch.topic)
        decided = latch.opened if topic is None else max(latch.opened, topic.newest())
        offset = latch.offset if topic is None else max(latch.offset, topic.offset)
        change = change_of(rule, key, latch, TriggerKind.CLEARED)
        yield msgspec.structs.replace(change, decided=decided, offset=offset, because=because)
