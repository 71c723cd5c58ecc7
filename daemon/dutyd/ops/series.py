"""Gives every bounded label set its series at start, so that the first failure is a rise from 0 that an alert can see.

A counter that appears with its first 1 has no rate. Called once by ``app``, and for the rules whenever a set is taken.
"""

from collections.abc import Iterable
from itertools import product

from dutyd import __version__
from dutyd.act.agent.brief import EndKind
from dutyd.core import metrics
from dutyd.core.incident import EffectState, TriggerKind
from dutyd.core.tool import Catalogue
from dutyd.ops.notices import KINDS, Told

MOST_RULES = 500
"""Rules that get their series at once; of more than that, each begins with its first event: scrapes stay small."""


def begin_series(topics: Iterable[str], catalogue: Catalogue) -> None:
    """Begin the series of the source topics (by alias), of the tools that change something, and of every fixed set."""
    metrics.BUILD.info({"version": __version__})
    for alias in topics:
        metrics.EVENTS.labels(alias)
        metrics.REPLAYED.labels(alias)
        metrics.DEAD_LETTERS.labels(alias)
        metrics.TOPIC_MISSING.labels(alias)
        metrics.STALLED.labels(alias)
    for reason in ("duplicate", "own", "no_entity", "empty"):
        metrics.DROPPED.labels(reason)
    for tool, state in product(sorted(name for name, tool in catalogue.items() if tool.changes), EffectState):
        metrics.EFFECTS.labels(tool, state)
    for state in EffectState:
        if state is EffectState.PARKED or not state.ended:
            metrics.EFFECTS_OPEN.labels(state)
    for end in EndKind:
        metrics.RUNS.labels(end)
    for direction in ("prompt", "completion"):
        metrics.TOKENS.labels(direction)
    for kind, told in product(KINDS, Told):
        metrics.NOTICES.labels(kind, told)
    for result in ("sent", "held", "failed"):
        metrics.HEARTBEATS.labels(result)


def begin_rules(rules: Iterable[str]) -> None:
    """Begin the series of *rules*, by id."""
    for rule in sorted(rules)[:MOST_RULES]:
        metrics.INCIDENTS.labels(rule)
        metrics.RULE_FAILURES.labels(rule)
        metrics.OVERFLOW.labels(rule)
        metrics.MISSED.labels(rule)
        for kind in TriggerKind:
            metrics.TRIGGERS.labels(rule, kind)
