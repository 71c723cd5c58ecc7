"""The ledger on paper says what the ledger's scripts say, on a real server whose clock is the test's.

Random openings, further rounds and clears of two rules, in bursts and with pauses: throttles, brakes, storms, groups,
silences, and inhibition of the one by the other. At every moment at which anything may happen both are asked what is
due, and what came in.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from secrets import token_hex
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dutyd.act.muting import Muting
from dutyd.core.expr import parse
from dutyd.core.incident import Evidence, IncidentState, Trigger, TriggerKind, incident_id
from dutyd.core.limits import Brake, Inhibit, Rate, Throttle
from dutyd.core.mute import Mute, Other, Silence, inhibited, silenced
from dutyd.core.rule import Mode, Rule
from dutyd.ledger import Ledger, open_ledger
from dutyd.ledger.birth import Birth, Since
from dutyd.ledger.claims import Accepted, Arrival, Claim, Waiting
from dutyd.ledger.connect import connect_async
from dutyd.ledger.members import Gathering
from dutyd.ledger.standing import Standings
from dutyd.rules.rehearsal.paper import Entry, Kind, Paper, Terms
from support.clocked import our_clock, tell_time

BEGIN = 1_000_000.0
RULES = ("a", "b")

Log = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Move:
    """After *gap* seconds *openings* of *rule* come.

    Then what opened as number *again* has a further round, and number *clears* is cleared, if they are open.
    """

    gap: int
    rule: str
    openings: int
    clears: int | None = None
    again: int | None = None


rates = st.lists(st.builds(Rate, st.integers(1, 4), st.sampled_from([5.0, 30.0, 200.0])), max_size=2).map(tuple)
terms = st.builds(
    Terms,
    throttle=st.builds(Throttle, per_entity=rates, per_rule=rates),
    brakes=st.lists(st.builds(Brake, st.integers(1, 6), st.sampled_from([10.0, 60.0])), max_size=2).map(tuple),
    pages=st.booleans(),
    storms=st.booleans(),
    grouped=st.just(False),
) | st.builds(
    Terms, throttle=st.builds(Throttle, per_entity=rates, per_rule=rates), grouped=st.just(True), pages=st.booleans()
)
moves = st.builds(
    Move,
    gap=st.sampled_from([0, 0, 1, 4, 5, 30, 119, 120, 300]),
    rule=st.sampled_from(RULES),
    openings=st.sampled_from([0, 1, 1, 2, 5, 22]),
    clears=st.none() | st.integers(0, 40),
    again=st.none() | st.integers(0, 20),
)
inhibits = st.none() | st.builds(
    Inhibit, by=st.just(("b",)), equal=st.sampled_from([(), ("service",)]), wait=st.sampled_from([0.0, 4.0, 30.0])
)
silences = st.lists(
    st.builds(
        lambda begins, lasts, rule: Silence(
            id=f"s{begins}", who="ana", because="x", begins=BEGIN + begins, ends=BEGIN + begins + lasts, rule=rule
        ),
        st.integers(0, 300),
        st.sampled_from([1, 60, 200]),
        st.sampled_from(["", *RULES]),
    ),
    max_size=2,
)


def trigger_of(rule: str, number: int, at: float) -> Trigger:
    entity = {"service": f"s{number % 3}"}
    return Trigger(
        incident=incident_id(rule, tuple(entity.values()), str(number)),
        kind=TriggerKind.OPENED,
        rule=rule,
        digest="d",
        entity=entity,
        occurrence=str(number),
        opened=at - number % 2,  # late ones, too
        decided=at,
        evidence=Evidence(id="e", source="metrics", time=at, fields={}),
    )


def gathering_of(trigger: Trigger) -> Gathering:
    values = tuple(trigger.entity.values())
    name = incident_id(trigger.rule, ("group", *values), trigger.incident)
    return Gathering("/".join((trigger.rule, *values)), msgspec.structs.replace(trigger, incident=name), 10.0, 4)


def changed(trigger: Trigger, number: int, at: float) -> Trigger:
    return msgspec.structs.replace(
        trigger, kind=TriggerKind.CHANGED, round=number, decided=at, opening=trigger.evidence
    )


def cleared(trigger: Trigger, at: float) -> Trigger:
    values = {name: getattr(trigger, name) for name in trigger.__struct_fields__}
    return Trigger(**{**values, "kind": TriggerKind.CLEARED, "decided": at, "because": "clear"})


@dataclass
class OnPaper:
    """A worker without a server; *moments*: when anything was due."""

    held: dict[str, Terms]
    silent: Sequence[Silence]
    inhibit: Inhibit | None
    paper: Paper = field(default_factory=Paper)
    log: Log = field(default_factory=list)
    moments: list[float] = field(default_factory=list)

    def play(self, todo: Sequence[Move]) -> None:
        now, numbers, triggers = BEGIN, count(), list[Trigger]()
        for move in todo:
            now += move.gap
            self.work(now)
            for _ in range(move.openings):
                triggers.append(trigger_of(move.rule, next(numbers), now))
                entry = self.paper.arrive(triggers[-1], self.held[move.rule], now)
                self.log.append((now, "came", entry.id, bool(entry.muted_by), entry.braked))
            self.work(now)
            if move.again is not None and move.again < len(triggers):
                self.again(triggers[move.again].incident, now)
            if move.clears is not None and move.clears < len(triggers):
                self.clear(triggers[move.clears].incident, now)
        self.work(now + 1000)

    def work(self, until: float) -> None:
        while (due := self.next_due()) <= until:
            self.moments.append(due)
            found = self.paper.claim(due)
            if found is not None:  # else there is no room yet
                self.worked(*found)

    def next_due(self) -> float:
        return min((entry.due for entry in self.paper._open.values()), default=math.inf)

    def mute_of(self, at: float, entry: Entry) -> Mute | None:
        rule = entry.trigger.rule
        found = silenced(self.silent, rule, entry.trigger.entity, at)
        if found is not None or self.inhibit is None or rule in self.inhibit.by or entry.kind is Kind.GROUP:
            return found
        own = Other(rule, entry.id, entry.trigger.entity)
        return inhibited(self.inhibit, own, self.paper.others(self.inhibit.by), at, at - entry.accepted)

    def worked(self, at: float, entry: Entry) -> None:
        mute = self.mute_of(at, entry)
        if entry.kind in (Kind.INCIDENT, Kind.GROUP) and mute is not None:
            self.paper.mute(entry, mute)
            return
        if entry.terms.grouped and entry.kind is Kind.INCIDENT:
            self.paper.gather(entry, gathering_of(entry.trigger), at)
            return
        entry.begun = True
        listed = entry.kind is not Kind.GROUP
        members = sorted(each.id for each in entry.members if listed or self.paper.get(each.id) is not None)
        self.log.append((at, "worked", entry.kind.value, entry.id, members))
        if entry.kind is Kind.ROLLUP:
            self.paper.close(entry, at)

    def again(self, incident: str, now: float) -> None:
        entry = self.paper.get(incident)
        if entry is not None and not entry.muted_by and not entry.terms.grouped:
            self.worked(now, entry)

    def clear(self, incident: str, now: float) -> None:
        entry = self.paper.get(incident)
        parent = None if entry is None else self.paper.close(entry, now)
        if parent is not None:
            self.paper.close(parent, now)


class Real:
    """The same on a real ledger."""

    def __init__(self, ledger: Ledger, told: OnPaper) -> None:
        self.ledger, self.scripts, self.incidents = ledger, ledger.scripts, ledger.incidents
        self.held, self.silent = told.held, told.silent
        self.rules = {"a": Rule(id="a", topic="metrics", when=parse("n > 1"), inhibit=told.inhibit)}
        self.rules["b"] = replace(self.rules["a"], id="b", inhibit=None)
        self.log: Log = []
        self.offsets, self.rounds = count(1), count(2)

    async def mute_of(self, claim: Claim, now: float) -> Mute | None:
        rule = self.rules[claim.rule]
        rule = replace(rule, inhibit=None) if claim.kind == "group" else rule
        silent: Any = self.silent  # made by hand, given as those of the rule files are
        return await Muting(self.ledger, lambda: now).mute_of(claim, rule, silent)

    def arrival(self, trigger: Trigger, now: float) -> Arrival:
        held = self.held[trigger.rule]
        return Arrival(
            trigger,
            Mode.ACT,
            held.throttle,
            brakes=held.brakes,
            pages=held.pages,
            storms=held.storms,
            grouped=held.grouped,
            source="t.triggers:0",
            next_offset=next(self.offsets),
            produced=int(now * 1000),
        )

    async def members_of(self, claim: Claim) -> Sequence[Trigger]:
        if claim.kind == "group":
            return await self.incidents.gathered(claim.id)
        return (await self.incidents.members(claim.id)).triggers

    async def work(self, now: float) -> None:
        incidents = self.incidents
        # One after the other: what becomes of groups that are due at the same time depends on who is claimed with whom.
        while await self.scripts.read("zcount", self.scripts.key("due"), "-inf", int(now * 1000)):
            for claim in await incidents.claim("w", 15.0, 1):
                mute = await self.mute_of(claim, now)
                if claim.state is IncidentState.CLEARING:
                    await incidents.rest(claim, Waiting.NOTHING, None, close=True)
                elif claim.kind in ("incident", "group") and mute is not None:
                    await incidents.mute(claim, mute, mute.until - now)
                elif claim.kind == "incident" and self.held[claim.rule].grouped:
                    await incidents.join(claim, gathering_of(claim.trigger))
                else:
                    members = sorted(trigger.incident for trigger in await self.members_of(claim))
                    self.log.append((now, "worked", claim.kind, claim.id, members))
                    await incidents.rest(claim, Waiting.NOTHING, None, close=claim.kind == "rollup")


async def for_real(url: str, todo: Sequence[Move], told: OnPaper) -> tuple[Log, list[str]]:
    client = connect_async(url)
    try:
        real = Real(open_ledger(client, f"t{token_hex(6)}"), told)
        await tell_time(real.scripts, BEGIN)
        await Birth(real.scripts).born(Since.NEW)
        now, numbers, triggers, left = BEGIN, count(), list[Trigger](), sorted({*told.moments})

        async def reach(until: float) -> None:
            while left and left[0] <= until:
                moment = left.pop(0)
                await tell_time(real.scripts, moment)
                await real.work(moment)
            await tell_time(real.scripts, until)
            await real.work(until)

        for move in todo:
            now += move.gap
            await reach(now)
            fresh = [trigger_of(move.rule, next(numbers), now) for _ in range(move.openings)]
            triggers += fresh
            answers = await real.incidents.accept([real.arrival(trigger, now) for trigger in fresh])
            for trigger, answer in zip(fresh, answers, strict=True):
                row = await real.scripts.read("hget", real.scripts.key("incident", trigger.incident), "braked")
                real.log.append((now, "came", trigger.incident, answer is Accepted.MUTED, row == b"1"))
            await real.work(now)
            if (
                move.again is not None
                and move.again < len(triggers)
                and not real.held[triggers[move.again].rule].grouped
            ):
                further = changed(triggers[move.again], next(real.rounds), now)
                await real.incidents.accept([real.arrival(further, now)])
                await real.work(now)
            if move.clears is not None and move.clears < len(triggers):
                await real.incidents.accept([real.arrival(cleared(triggers[move.clears], now), now)])
                await real.work(now)
        await reach(now + 1000)
        return real.log, list((await Standings(real.scripts).now()).braked)
    finally:
        await client.aclose()


STORMS = Terms(storms=True)
BURST = [Move(0, "a", 19), Move(1, "a", 1)]
EXPLAINED = [Move(0, "a", 1), Move(5, "b", 3, again=0), Move(1, "b", 0, clears=3, again=0)]


@example([*BURST, Move(118, "a", 1), Move(1, "a", 1), Move(2, "a", 0, 20)], STORMS, STORMS, [], None)
@example(EXPLAINED, Terms(), Terms(), [], Inhibit(by=("b",), equal=("service",)))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(moves, max_size=12), terms, terms, silences, inhibits)
def test_paper_holds_back_what_the_scripts_hold_back(
    valkey_url: str, todo: list[Move], of_a: Terms, of_b: Terms, silent: list[Silence], inhibit: Inhibit | None
) -> None:
    told = OnPaper(dict(zip(RULES, (of_a, of_b), strict=True)), silent, inhibit)
    told.play(todo)
    with our_clock():
        real, really_braked = asyncio.run(for_real(valkey_url, todo, told))
    assert sorted(real, key=repr) == sorted(told.log, key=repr)
    assert really_braked == sorted(told.paper.braked)
