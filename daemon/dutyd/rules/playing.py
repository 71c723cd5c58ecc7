"""Play a rule test: its events through a rehearsal of its one rule.

``play`` takes a case and returns what happened: openings, clears, effects with the arguments they would have had.
Called by ``testing``, and compared with what is expected by ``verdict``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from dutyd.core.event import Event
from dutyd.core.rule import Rule
from dutyd.rules.actor import Done, Script
from dutyd.rules.cases import Case
from dutyd.rules.known import Known
from dutyd.rules.paper import Kind
from dutyd.rules.rehearsal import Rehearsal

BEGIN = 1_767_225_600.0
"""The event time of ``0s``: the first of January 2026, 00:00 UTC."""


@dataclass(frozen=True, slots=True)
class Turn:
    """An opening or a clear, *at* seconds from the beginning, and the values it was decided by."""

    entity: Mapping[str, str]
    at: float
    values: Mapping[str, Any]


@dataclass(slots=True)
class Played:
    """What happened, in the order of event time; *said* is what the gateway told the model where it refused."""

    opens: list[Turn] = field(default_factory=list)
    clears: list[Turn] = field(default_factory=list)
    effects: list[Done] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def play(case: Case, rule: Rule, known: Known) -> Played:
    """Return what *rule* makes of the events of *case*."""
    script = Script(case.model, case.hostile, case.results)
    rehearsal = Rehearsal([rule], known, script, keep_values=True)
    rehearsal.begin(BEGIN)
    for topic, events in groupby(events_of(case, rule), key=itemgetter(0)):
        rehearsal.judge(topic, [event for _, event in events])
    rehearsal.end(BEGIN + max([case.until or 0.0, *(given.at for given in case.events)]))
    played = Played()
    for opening in rehearsal.openings:
        played.opens.append(Turn(opening.entity, opening.opened - BEGIN, opening.seen))
        if opening.cleared is not None:
            played.clears.append(Turn(opening.entity, opening.cleared - BEGIN, opening.clearing))
        played.effects += opening.effects
        played.said += opening.said
    for group in (page for page in rehearsal.pages if page.kind is Kind.GROUP):
        played.effects += group.effects
        played.said += group.said
    return played


def events_of(case: Case, rule: Rule) -> list[tuple[str, Event]]:
    """Return the events of *case* as the engine reads them, each with the alias of its topic."""
    found: list[tuple[str, Event]] = []
    for number, given in enumerate(case.events):
        topic, time = given.topic or rule.topic, BEGIN + given.at
        id_ = f"event-{number}" if given.id is None else given.id
        found.append((topic, Event(id_, topic, time, time, number, dict(given.fields))))
    return found
