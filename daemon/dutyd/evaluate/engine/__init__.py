"""The engine: rules and events in, incidents opened and cleared out; a pure function with its state beside it.

``plan`` once per set of rules, a ``State`` per task; then ``judge`` for each batch and ``tick`` as time goes on,
``replay`` and ``State.load`` after a start, ``sweep`` after a reload and now and then. The path of one
event: ``judge`` -> ``views.topic`` (repeats, entity, ``where``) -> ``views.view`` (guards, windows, timers) ->
``views.tables`` (code of ``compiled``) -> ``latches.runner`` -> ``latches.journal``. It imports nothing that could
wait, ask the time or roll dice.
"""

from dutyd.evaluate.engine.compiled.plan import Limits, Plan, horizon, plan
from dutyd.evaluate.engine.ending import end
from dutyd.evaluate.engine.judge import judge, replay, tick
from dutyd.evaluate.engine.latches.latch import NOWHERE, Change, Counts, Latch, LatchKey, Phase, SwitchedOff
from dutyd.evaluate.engine.peek import peek
from dutyd.evaluate.engine.schedules import next_due
from dutyd.evaluate.engine.snapshots.resume import Resume
from dutyd.evaluate.engine.snapshots.trickle import Trickle, Written
from dutyd.evaluate.engine.state import State
from dutyd.evaluate.engine.sweep import sweep

__all__ = [
    "NOWHERE",
    "Change",
    "Counts",
    "Latch",
    "LatchKey",
    "Limits",
    "Phase",
    "Plan",
    "Resume",
    "State",
    "SwitchedOff",
    "Trickle",
    "Written",
    "end",
    "horizon",
    "judge",
    "next_due",
    "peek",
    "plan",
    "replay",
    "sweep",
    "tick",
]
