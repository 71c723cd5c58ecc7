"""The engine's doors: events and watermarks in, changes out. No clock, no I/O, no randomness.

The evaluate path, ``rules test``, ``explain`` and ``backtest`` all come in here. Each function works on one task's
``State``; the plan may be shared by many.
"""

import math
from collections.abc import Sequence

from dutyd.core.event import Event
from dutyd.evaluate.engine.binding import bind
from dutyd.evaluate.engine.compiled.plan import Plan
from dutyd.evaluate.engine.latches.latch import Change
from dutyd.evaluate.engine.schedules import fire_due
from dutyd.evaluate.engine.state import State
from dutyd.evaluate.engine.views.timing import begin_terms, fire_until


def judge(plan: Plan, state: State, topic_alias: str, events: Sequence[Event]) -> list[Change]:
    """Judge *events* one by one, in the order of their records; return what opened and cleared, in order.

    Before an event at t is judged, its entity's timers due before t fire, each at its own due time; at equal times the
    event goes first. How events are cut into calls changes nothing.
    """
    bind(plan, state)
    topic = state.topics.get(topic_alias)
    if topic is not None:
        topic.judge(events)
    return state.journal.take_changes()


def replay(plan: Plan, state: State, topic_alias: str, events: Sequence[Event]) -> None:
    """Take note of *events*, which are decided already: windows, ``prev``, newest times and repeats, but no latch.

    Where the state ``learns``, what is under way of sequences, too.
    """
    bind(plan, state)
    topic = state.topics.get(topic_alias)
    if topic is not None:
        topic.replay(events, learns=state.learns)


def tick(plan: Plan, state: State, watermark: float, clock: float | None = None) -> list[Change]:
    """Fire every timer due at or before *watermark*, the event time up to which all events are thought to be here.

    *clock*, the caller's, drives the scheduled rules; None in a task that is not the one to run them.
    """
    bind(plan, state)
    if state.edited and watermark > -math.inf:
        begin_terms(state.edited, watermark)
        state.edited = []
    for sequencer in state.sequences.values():
        sequencer.reach(watermark)
    fire_until(state.clock, watermark)
    if clock is not None:
        fire_due(plan, state, clock)
    return state.journal.take_changes()
