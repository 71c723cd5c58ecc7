"""Backtest rules: what they would have made of a history, and what it would have cost.

``run`` takes batches of events (``histories``) and returns a ``Backtest``; the command prints its ``rows``, one an
opening, and its ``summary``. A rehearsal does the work. What no history holds is left open: tools that read answer
nothing, and where the model would decide the fallback stands. What people say is an option.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from dutyd.core.incident import EffectState
from dutyd.core.instant import instant_text
from dutyd.core.policy import Policy
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Counts
from dutyd.rules.known import Known
from dutyd.rules.rehearsal.actor import Done
from dutyd.rules.rehearsal.asking import Price, asked_of
from dutyd.rules.rehearsal.desk import Silences
from dutyd.rules.rehearsal.histories import Batch, Unread
from dutyd.rules.rehearsal.opening import Opening
from dutyd.rules.rehearsal.pacing import Paces, waits_of
from dutyd.rules.rehearsal.paper_means import Script
from dutyd.rules.rehearsal.rehearse import Rehearsal

SHOWN = 20
"""Records without events that are told one by one; entities of a rule that are named."""

Row = dict[str, Any]


@dataclass(slots=True)
class Backtest:
    """A history, and what the rules made of it.

    Attributes:
        rules: those that read the history's topics, or are due by the clock.
        openings: the incidents; *pages*: what stands for many of them.
        first, last: times of the first and the last event, seconds since the epoch; None without events.
        unread: the first records that held no events; *bad*: how many there are.

    """

    rules: Mapping[str, Rule]
    known: Known
    openings: list[Opening] = field(default_factory=list)
    pages: list[Opening] = field(default_factory=list)
    counts: list[Counts] = field(default_factory=list)
    first: float | None = None
    last: float | None = None
    unread: list[Unread] = field(default_factory=list)
    bad: int = 0

    def rows(self) -> Iterator[Row]:
        """Yield one row for each opening, in their order."""
        for opening in sorted(self.openings, key=lambda opening: opening.opened):
            row = _row(opening)
            if opening.muted:
                row["muted"] = ", then ".join(opening.muted)
                row["begun"] = None if opening.begun is None else instant_text(opening.begun)
            yield row | ({"held": "brake"} if opening.braked else {})

    def summary(self, price: Price | None, paces: Paces | None = None) -> Row:
        """Return the whole in numbers; *price*: what tokens cost at most; *paces*: those of the providers."""
        everything = [*self.openings, *self.pages]
        asked = [(at, opening.rule) for opening in everything for at in opening.asked]
        effects = [done for opening in everything for done in opening.effects]
        limits = (self.known.policy or Policy()).model
        return {
            "events": sum(counts.events for counts in self.counts),
            "from": None if self.first is None else instant_text(self.first),
            "to": None if self.last is None else instant_text(self.last),
            "openings": len(self.openings),
            "open": sum(not opening.over for opening in self.openings),
            "muted": sum(bool(opening.muted) for opening in self.openings),
            "muted_by": Counter(why for opening in self.openings for why in opening.muted),
            "held": sum(opening.braked for opening in self.openings),
            "pages": [_page(page) for page in self.pages],
            "rules": {rule: _of_rule(self.openings_of(rule)) for rule in self.rules},
            "effects": _effects(effects),
            "stopped": _stopped(everything),
            "money": _money(effects),
            "pace": waits_of(effects, paces or {}, self.known),
            "model": asked_of(asked, self.rules, limits, price),
            **self._not_judged(),
        }

    def openings_of(self, rule: str) -> list[Opening]:
        """Return the openings of one rule."""
        return [opening for opening in self.openings if opening.rule == rule]

    def _not_judged(self) -> Row:
        unknown: Counter[tuple[str, str]] = Counter()
        for counts in self.counts:
            unknown.update(counts.unknown)
        often = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))
        return {
            "unknown": [{"rule": rule, "field": name, "times": times} for (rule, name), times in often[:SHOWN]],
            "unread": self.bad,
            "duplicates": sum(counts.duplicates for counts in self.counts),
            "late": sum(counts.late for counts in self.counts),
            "no_entity": sum(counts.no_entity for counts in self.counts),
        }


def run(
    rules: Mapping[str, Rule],
    known: Known,
    batches: Iterable[Batch],
    show: Callable[[int], None],
    silences: Silences = (),
    script: Script | None = None,
) -> Backtest:
    """Return what *rules* make of *batches*; *show* is told how much was read so far; *script*: what people say."""
    rehearsal, done, read = Rehearsal(rules.values(), known, script, silences), Backtest(rules, known), 0
    for batch in batches:
        if batch.events:
            times = [event.time for event in batch.events]
            if done.first is None:
                rehearsal.begin(times[0])
            done.first = min(times if done.first is None else [done.first, *times])
            done.last = max(times if done.last is None else [done.last, *times])
        rehearsal.judge(batch.topic, batch.events, batch.partition)
        done.bad += len(batch.unread)
        done.unread += batch.unread[: SHOWN - len(done.unread)]
        read += batch.read
        show(read)
    if done.last is not None:
        rehearsal.end(done.last)
    done.openings, done.pages, done.counts = rehearsal.openings, rehearsal.pages, rehearsal.counts()
    return done


def _row(opening: Opening) -> Row:
    return {
        "rule": opening.rule,
        "entity": dict(opening.entity),
        "opened": instant_text(opening.opened),
        "cleared": None if opening.cleared is None else instant_text(opening.cleared),
        "effects": [_effect(done) for done in opening.effects],
    }


def _page(page: Opening) -> Row:
    row = _row(page)
    if not page.entity:
        del row["entity"]
    return {"kind": page.kind.value, **row, "members": len(page.members)}


def _effect(done: Done) -> Row:
    row: Row = {"step": done.step, "tool": done.tool, "args": dict(done.args), "state": done.state.value}
    return row | ({"reason": done.reason} if done.reason else {})


def _of_rule(openings: list[Opening]) -> Row:
    entities = Counter(tuple(opening.entity.items()) for opening in openings)
    return {
        "openings": len(openings),
        "entities": len(entities),
        "most": [{"entity": dict(entity), "openings": times} for entity, times in entities.most_common(SHOWN)],
    }


def _effects(effects: Iterable[Done]) -> Mapping[str, Mapping[str, int]]:
    """Return tool to state to how often."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for done in effects:
        found[done.tool][done.state.value] += 1
    return {tool: dict(states) for tool, states in sorted(found.items())}


def _stopped(openings: Iterable[Opening]) -> list[Row]:
    """Return what did not go out, and why: the most frequent first."""
    found = Counter(
        (opening.rule, done.step, done.state.value, done.reason)
        for opening in openings
        for done in opening.effects
        if done.state is not EffectState.DONE
    )
    names = ("rule", "step", "state", "reason")
    often = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [{**dict(zip(names, what, strict=True)), "times": times} for what, times in often[:SHOWN]]


def _money(effects: Iterable[Done]) -> Mapping[str, float]:
    """Return what effects that went out or wait would spend, by currency (empty: the installation's own)."""
    spent: defaultdict[str, Decimal] = defaultdict(Decimal)
    for done in effects:
        if done.spent is not None and done.state is not EffectState.REFUSED:
            spent[done.spent.currency] += done.spent.amount
    return {currency: float(amount) for currency, amount in sorted(spent.items())}
