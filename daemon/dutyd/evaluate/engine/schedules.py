"""Rules that are due by the clock: each due time opens one incident, whoever looks at the clock, and how often.

``tick`` calls ``fire_due`` in the one task that has the schedules. What is remembered of a rule is a latch that is
inactive (its *mark*): by which schedule it was judged, and up to when. A rule without a mark, or with one of another
schedule, begins at the clock: nothing that lies before is due. Of what was missed the latest run is made up for, as
long as the rule's ``missed`` says; the due time is its occurrence, so it is the same incident from everywhere.
"""

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dutyd.core.incident import Evidence, TriggerKind
from dutyd.core.opening import Schedule
from dutyd.core.rule import Rule
from dutyd.evaluate.engine.compiled.plan import Plan
from dutyd.evaluate.engine.latches.latch import NOWHERE, Change, Latch, Phase
from dutyd.evaluate.engine.state import State

SOURCE = "schedule"
"""The source of the evidence: no event said so."""


def fire_due(plan: Plan, state: State, clock: float) -> None:
    """Open an incident for each scheduled rule of *plan* that is due by *clock*, seconds since the epoch."""
    for gone in [id_ for id_ in state.marks if id_ not in plan.schedules]:
        del state.marks[gone]
        state.journal.moved.add((gone, ()))
    for id_, rule in plan.schedules.items():
        assert rule.schedule is not None
        mark = state.marks.get(id_)
        if mark is None or mark.schedule != rule.schedule.name:
            _set_mark(id_, rule.schedule, clock, state)
        elif clock >= _upcoming(id_, rule.schedule, mark, state):
            _fire(rule, rule.schedule, mark, clock, state)


def next_due(plan: Plan, state: State) -> float:
    """Return when the next scheduled rule is due; infinite where none is, or ``fire_due`` was never called."""
    found = [
        _upcoming(id_, rule.schedule, mark, state)
        for id_, rule in plan.schedules.items()
        if rule.schedule is not None and (mark := state.marks.get(id_)) is not None
    ]
    return min(found, default=math.inf)


def _upcoming(rule: str, schedule: Schedule, mark: Latch, state: State) -> float:
    if rule not in state.upcoming:
        due = schedule.due_after(mark.since)
        state.upcoming[rule] = math.inf if due is None else due
    return state.upcoming[rule]


def _set_mark(rule: str, schedule: Schedule, since: float, state: State) -> None:
    state.marks[rule] = Latch(phase=Phase.INACTIVE, since=since, schedule=schedule.name)
    state.upcoming.pop(rule, None)
    state.journal.moved.add((rule, ()))


def _fire(rule: Rule, schedule: Schedule, mark: Latch, clock: float, state: State) -> None:
    """Open the latest run that is not too old; count the others."""
    begin = max(mark.since, clock - schedule.missed)
    missed = int(state.upcoming[rule.id] <= begin)
    due, latest = schedule.due_after(begin), begin
    while due is not None and due <= clock:
        missed += latest > begin
        latest, due = due, schedule.due_after(due)
    state.journal.missed[rule.id] += missed
    _set_mark(rule.id, schedule, latest, state)
    if latest > begin:
        state.journal.changes.append(_opening(rule, schedule, latest, missed))


def _opening(rule: Rule, schedule: Schedule, due: float, missed: int) -> Change:
    local = datetime.fromtimestamp(due, ZoneInfo(schedule.timezone))
    occurrence = datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = {
        "due": local.isoformat(),
        "date": local.strftime("%Y-%m-%d"),
        "weekday": local.strftime("%A").lower(),
        "missed": float(missed),
    }
    return Change(
        rule=rule.id,
        entity=(),
        kind=TriggerKind.OPENED,
        occurrence=occurrence,
        opened=due,
        decided=due,
        evidence=Evidence(id=occurrence, source=SOURCE, time=due, fields=fields),
        opening=None,
        because="",
        offset=NOWHERE,
        topic="",
        per=(),
        momentary=True,
    )
