"""What a rule reads at an event that was just judged: fields, windows and ``prev``, for whoever explains.

``rules eval`` and ``rules explain`` judge events as ``run`` does and then ask here, so that what they show of a window
is what the engine has, not what somebody computed beside it.
"""

from dutyd.core.event import Event
from dutyd.core.expr import Look
from dutyd.evaluate.engine.entities import key_of
from dutyd.evaluate.engine.latches.moment import look_at
from dutyd.evaluate.engine.state import State


def peek(state: State, rule: str, event: Event) -> Look:
    """Return the look of *rule* at *event*, the last one that *state* judged."""
    runner, view = state.rules[rule]
    key = key_of(runner.conditions.rule.per, event.fields.get)
    track = None if key is None else view.tracks.get(key)
    return look_at(event, event.time, track, view.samples)
