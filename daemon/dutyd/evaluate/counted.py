"""What the engine counted, as metrics; and rules that it switched off, said loudly.

``tasks`` calls it every few seconds for each task: the engine counts for itself, because a metric for every event
would cost more than judging it.
"""

import structlog

from dutyd.core.metrics import AHEAD, DROPPED, LATCHES, LATE, MISSED, OVERFLOW, RULE_FAILURES, UNKNOWN
from dutyd.evaluate.engine import State

log = structlog.get_logger()


def count(task: str, state: State) -> None:
    """Add what *state* counted since the last call to the metrics of *task*."""
    counts = state.take_counts()
    DROPPED.labels("duplicate").inc(counts.duplicates)
    DROPPED.labels("own").inc(counts.own)
    DROPPED.labels("no_entity").inc(counts.no_entity)
    LATE.inc(counts.late)
    AHEAD.inc(counts.ahead)
    for rule, number in counts.overflow.items():
        OVERFLOW.labels(rule).inc(number)
    for (rule, field), number in counts.unknown.items():
        UNKNOWN.labels(rule, field).inc(number)
    for rule, number in counts.failed.items():
        RULE_FAILURES.labels(rule).inc(number)
    for rule, number in counts.missed.items():
        MISSED.labels(rule).inc(number)
    for off in state.take_switched_off():
        log.error("rule is switched off: it kept failing; change it to try again", rule=off.rule, traceback=off.error)
    LATCHES.labels(task).set(state.active())
