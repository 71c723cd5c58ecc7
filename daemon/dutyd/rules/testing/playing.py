"""Play a rule test: its events through a rehearsal of its rule, and of the rules that inhibit it.

``play`` takes a case and returns what happened: openings, clears, effects with the arguments they would have had.
Called by ``testing``, and compared with what is expected by ``verdict``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from dutyd.core.event import Event
from dutyd.core.mute import RecurringSilence, Silence
from dutyd.core.rule import Rule, RuleSet
from dutyd.rules.known import Known
from dutyd.rules.rehearsal.actor import Done
from dutyd.rules.rehearsal.paper_means import Script
from dutyd.rules.rehearsal.rehearse import Rehearsal
from dutyd.rules.testing.cases import Case, GivenSilence


@dataclass(frozen=True, slots=True)
class Turn:
    """An opening or a clear, *at* seconds from the beginning, and the values it was decided by.

    Attributes:
        muted, braked: what held it back, see ``opening.Opening``.
        begun: when something was first done for it, seconds from the beginning; None: nothing was.

    """

    entity: Mapping[str, str]
    at: float
    values: Mapping[str, Any]
    muted: Sequence[str] = ()
    begun: float | None = None
    braked: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """One page for many incidents, *at* seconds from the beginning."""

    kind: str
    at: float
    members: int


@dataclass(slots=True)
class Played:
    """What happened, in the order of event time; *said* is what the gateway told the model where it refused."""

    opens: list[Turn] = field(default_factory=list)
    clears: list[Turn] = field(default_factory=list)
    effects: list[Done] = field(default_factory=list)
    pages: list[Shown] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def play(case: Case, rule: Rule, known: Known, others: RuleSet | None = None) -> Played:
    """Return what *rule* makes of the events of *case*; of *others* come what inhibits it, and the files' silences."""
    script = Script(case.model, case.hostile, case.results)
    found = others or RuleSet("", {}, {})
    inhibiting = [found.rules[name] for name in (rule.inhibit.by if rule.inhibit else ()) if name in found.rules]
    silences: list[Silence | RecurringSilence] = [_silence(each, case.begin) for each in case.silences]
    silences += found.silences
    rehearsal = Rehearsal([rule, *inhibiting], known, script, silences, keep_values=True)
    rehearsal.begin(case.begin)
    for topic, events in groupby(events_of(case, rule), key=itemgetter(0)):
        rehearsal.judge(topic, [event for _, event in events])
    rehearsal.end(case.begin + max([case.until or 0.0, *(given.at for given in case.events)]))
    return _played(rehearsal, rule, case.begin)


def _played(rehearsal: Rehearsal, rule: Rule, begin: float) -> Played:
    played = Played()
    for opening in (each for each in rehearsal.openings if each.rule == rule.id):
        begun = None if opening.begun is None else opening.begun - begin
        at = opening.opened - begin
        played.opens.append(Turn(opening.entity, at, opening.seen, opening.muted, begun, opening.braked))
        if opening.cleared is not None:
            played.clears.append(Turn(opening.entity, opening.cleared - begin, opening.clearing))
        played.effects += opening.effects
        played.said += opening.said
    for page in (each for each in rehearsal.pages if each.rule == rule.id):
        played.pages.append(Shown(page.kind.value, (page.begun or page.opened) - begin, len(page.members)))
        played.effects += page.effects
        played.said += page.said
    return played


def _silence(given: GivenSilence, begin: float) -> Silence:
    """Return a silence as a person makes it with ``dutyd silences add``."""
    begins = begin + given.at
    return Silence(
        id=given.id,
        who="the test",
        because="the test says so",
        begins=begins,
        ends=begins + given.lasts,
        rule=given.rule,
        entity=dict(given.match),
    )


def events_of(case: Case, rule: Rule) -> list[tuple[str, Event]]:
    """Return the events of *case* as the engine reads them, each with the alias of its topic."""
    found: list[tuple[str, Event]] = []
    for number, given in enumerate(case.events):
        topic, time = given.topic or rule.topic, case.begin + given.at
        id_ = f"event-{number}" if given.id is None else given.id
        found.append((topic, Event(id_, topic, time, time, number, dict(given.fields))))
    return found
