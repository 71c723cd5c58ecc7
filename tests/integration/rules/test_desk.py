"""The desk says what the worker does: the effects of a backtest are those that a real worker makes.

Random small rule sets see random events in a rehearsal, and the triggers that its engine gives are worked by a real
worker as well, on a real ledger whose clock is the test's. Providers keep what they are asked for and answer at once;
the model is down. What the desk lists and what the ledger and the providers have is then the same: incident by
incident, effect by effect, with arguments, states and reasons.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from secrets import token_hex
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from dutyd.act.accept import Acceptor
from dutyd.act.lease import Lease
from dutyd.act.means import Means
from dutyd.act.worker import Worker
from dutyd.core.event import Event
from dutyd.core.incident import Trigger, TriggerKind
from dutyd.core.limits import Brake
from dutyd.core.policy import MoneyLimits, Policy
from dutyd.core.route import Routes
from dutyd.core.rule import Mode
from dutyd.core.tool import Promise, ProviderClass, Receipt
from dutyd.ledger import Ledger, open_ledger
from dutyd.ledger.birth import Since
from dutyd.ledger.connect import connect_async
from dutyd.rules.known import Known
from dutyd.rules.load import load_files
from dutyd.rules.rehearsal.actor import Done
from dutyd.rules.rehearsal.desk import Desk
from dutyd.rules.rehearsal.event_files import Line
from dutyd.rules.rehearsal.opening import Opening
from dutyd.rules.rehearsal.paper_means import Approvals, Script
from dutyd.rules.rehearsal.rehearse import Rehearsal
from dutyd.stream.base import Partition
from support.acting import CATALOGUE, FixedBook
from support.clocked import our_clock, tell_time

BEGIN = 1_767_261_600.0
"""2026-01-01T10:00:00Z."""

Told = dict[str, list[Any]]
"""Incident to its effects."""


@dataclass
class Recorder:
    """A system that makes all that it is asked for, at once, and calls it by its kind."""

    made: Counter[str] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)

    def promise_of(self, kind: str) -> Promise:
        del kind
        return Promise(ProviderClass.A)

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        del body
        assert key not in self.keys, "made twice"
        self.keys.add(key)
        self.made[kind] += 1
        return Receipt(kind, {})

    async def lookup(self, kind: str, key: str) -> Receipt | None:
        return Receipt(kind, {}) if key in self.keys else None

    async def read(self, kind: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        del kind, query
        return []

    async def check(self) -> str:
        return ""

    async def close(self) -> None:
        """Nothing is open."""


def told(effects: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return *effects* so that they can be compared; which of two that go side by side came first says nothing."""
    names = ("step", "tool", "args", "state", "reason")
    rows = [[each[name] for name in names] for each in effects]
    for row in rows:
        row[-1] = "" if row[-2] == "RESERVED" else row[-1].partition(" by ")[0]
    return sorted(json.loads(json.dumps(rows)), key=json.dumps)


@dataclass(frozen=True)
class Play:
    """What happens in one world."""

    files: Mapping[str, str]
    policy: Policy
    script: Script
    events: Sequence[tuple[str, Event]]

    @property
    def known(self) -> Known:
        return Known(CATALOGUE, policy=self.policy)

    @property
    def end(self) -> float:
        """When it ends: after the last event, where approvals expire later than they do."""
        expiring = self.script.lifetime if self.script.approvals is Approvals.EXPIRE else 0.0
        return self.events[-1][1].time + expiring + 900.0


@dataclass
class Live:
    """A worker on a real ledger."""

    ledger: Ledger
    book: FixedBook
    policy: Policy
    script: Script
    system: Recorder = field(default_factory=Recorder)
    now: float = BEGIN
    offset: int = 0

    def __post_init__(self) -> None:
        routes = Routes(self.system, {}, stands_in=True)
        families = {tool.family: routes for tool in CATALOGUE.values()}
        means = Means(self.ledger, self.book, self.policy, CATALOGUE, families, None, now=lambda: self.now)
        nothing: Any = None  # triggers come by hand: no consumer, nothing to adopt
        self.acceptor = Acceptor(
            nothing, self.ledger.incidents, self.book, self.policy, CATALOGUE, nothing, lambda *_: None
        )
        self.worker = Worker(means, self.acceptor, (), "w", slots=1)

    async def take(self, trigger: Trigger, *, late: bool = False) -> None:
        """Work what is due by then, and take *trigger* in; a *late* worker comes only when something cleared."""
        await (self.at(max(self.now, trigger.decided)) if late else self.reach(trigger.decided))
        self.offset += 1
        record = Line(b"", self.offset, int(self.now * 1000))
        arrival = await self.acceptor._arrival(trigger, Partition("t.triggers", 0), record)
        await self.ledger.incidents.accept([arrival])
        if not late or trigger.kind is TriggerKind.CLEARED:
            await self.reach(trigger.decided)

    async def reach(self, until: float) -> None:
        """Let time pass *until*: each time at which something is due is a time of its own."""
        scripts = self.ledger.scripts
        while due := await scripts.client.zrange(scripts.key("due"), 0, 0, withscores=True):
            at = float(due[0][1]) / 1000
            if at > until:
                break
            await self.at(max(self.now, at))
            await self.turn()
        await self.at(max(self.now, until))

    async def at(self, now: float) -> None:
        self.now = now
        await tell_time(self.ledger.scripts, now)

    async def turn(self) -> None:
        """Work one claim."""
        for claim in await self.worker._claim():
            lease = Lease(self.ledger.incidents, claim, self.worker.lease, self.worker.clock(), self.worker.clock)
            await self.worker._hold(claim, lease)
        for asked in await self.ledger.queries.approvals():
            if self.script.approvals is Approvals.GRANTED:
                await self.ledger.decisions.approve(asked["key"], asked["hash"], "ana")
            if self.script.approvals is Approvals.DENIED:
                await self.ledger.decisions.deny(asked["key"], asked["hash"], "ana")
        # What waits for the outcomes topic finds it written.
        await self.ledger.scripts.client.delete(self.ledger.scripts.key("outcomes"))

    async def told(self) -> tuple[Told, set[str]]:
        """Return the effects of every incident, and which are open."""
        found: Told = {}
        rows = await self.ledger.queries.effects()
        for incident in {row["incident"] for row in rows}:
            found[incident] = told([row for row in rows if row["incident"] == incident])
        open_ = {row["id"] for row in await self.ledger.queries.incidents() if row["state"] != "CLOSED"}
        done = Counter(CATALOGUE[row["tool"]].makes for row in rows if row["state"] == "DONE")
        assert done == self.system.made
        return found, open_


async def live(url: str, play: Play, triggers: Sequence[Trigger], *, late: bool = False) -> tuple[Told, set[str]]:
    """Return what a worker does about *triggers*."""
    client = connect_async(url)
    try:
        ledger, rules = open_ledger(client, f"t{token_hex(6)}"), load_files(play.files, play.known)
        worker = Live(ledger, FixedBook(rules, {"": rules}), play.policy, play.script)
        await worker.at(BEGIN)
        for what in play.script.paused:
            await ledger.decisions.pause(what, "ana")
        await ledger.birth.born(Since.NEW)
        for trigger in triggers:
            await worker.take(trigger, late=late)
        await worker.reach(play.end)
        return await worker.told()
    finally:
        await client.aclose()


def rehearsed(play: Play) -> tuple[list[Opening], list[Trigger]]:
    """Return what a rehearsal makes of it: the openings and pages, and the triggers that came on its desk."""
    rules = load_files(play.files, play.known)
    triggers: list[Trigger] = []
    take = Desk.take

    def noted(desk: Desk, trigger: Trigger) -> None:
        triggers.append(trigger)
        take(desk, trigger)

    answers: dict[str, dict[str, Any]] = {
        name: {"id": CATALOGUE[step.tool].makes}
        for rule in rules.rules.values()
        for name, step in {**rule.steps, **rule.on_clear}.items()
    }
    script = replace(play.script, results=answers | {"look": {"query": "x", "tickets": []}})
    rehearsal = Rehearsal(rules.rules.values(), play.known, script, rules.silences)
    with patch.object(Desk, "take", noted):
        rehearsal.begin(BEGIN)
        for topic, each in play.events:
            rehearsal.judge(topic, [each])
        rehearsal.end(play.end)
    return [*rehearsal.openings, *rehearsal.pages], triggers


def _row(done: Done) -> dict[str, Any]:
    return {"step": done.step, "tool": done.tool, "args": done.args, "state": done.state.value, "reason": done.reason}


def sometimes(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Make some of *keys*."""
    return st.fixed_dictionaries({}, optional=keys)


def rates() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(["1/1m", "2/1m", "3/10m"]), min_size=1, max_size=2, unique=True)


PAGE = {"tool": "send_alert", "with": {"severity": "info", "summary": "{{ e }} {{ n }}"}}
TICKET = {
    "tool": "create_ticket",
    "with": {"project": "OPS", "kind": "x", "body": "{{ evidence }}"},
    "decide": {"title": {"text": 50}},
}
ORDER = {
    "tool": "draft_purchase_order",
    "with": {"sku": "{{ e }}", "supplier": "s", "quantity": "{{ n }}", "unit_price": 10},
}
conditions = st.sampled_from(["n > 12", "n > 14", "missing > 1"])
page = st.builds(lambda more: {**PAGE, **more}, sometimes(**{"if": conditions, "approval_if": conditions}))
ticket = st.builds(
    lambda more: {**TICKET, **more},
    sometimes(
        fallback=st.just({"title": "{{ e }}"}),
        **{"if": conditions},
        needs=st.sampled_from([["page"], ["look"]]),
        approval_if=conditions,
    ),
)
order = st.builds(
    lambda more: {**ORDER, **more},
    sometimes(
        refuse_if=conditions,
        approval_if=conditions,
        needs=st.sampled_from([["page"], ["look"], ["ticket"]]),
        on_error=st.sampled_from(["stop", "continue"]),
        **{"if": conditions},
    ),
)
tell = st.builds(
    lambda more: {"tool": "notify", "with": {"to": "m", "text": "{{ steps.page.id }}, {{ item }}"}, **more},
    st.fixed_dictionaries(
        {"each": st.sampled_from(["{{ list }}", ["x", "y"]])},
        optional={"if": st.sampled_from(['item != "x"', "n > 12"]), "approval_if": st.just('item == "y"')},
    ),
)
steps = st.fixed_dictionaries(
    {"page": page, "look": st.just({"tool": "search_tickets", "with": {"query": "x"}})},
    optional={"ticket": ticket, "order": order, "tell": tell},
)
RESOLVE = {"tool": "resolve_alert", "with": {"alert": "{{ steps.page.id }}"}}
OVER = {"tool": "notify", "with": {"to": "m", "text": "{{ n }} is over"}}
UNDO = {"tool": "notify", "each": "{{ steps.tell.results }}", "with": {"to": "m", "text": "not {{ item.item }}"}}


@st.composite
def rule_files(draw: st.DrawFn) -> dict[str, str]:
    """Make a rule that may be held back by all there is, and one that explains it."""
    drawn = draw(steps)
    graph = {
        name: {**step, "needs": [each for each in step.get("needs", ()) if each in drawn]}
        for name, step in drawn.items()
    }
    rule: dict[str, Any] = {"id": "main", "from": "metrics", "per": ["e"], "when": "n > 10", "steps": graph}
    rule |= {"mode": draw(st.sampled_from(["act", "act", "approve", "observe"])), "agent": {"goal": "x"}}
    rule |= draw(
        sometimes(
            throttle=sometimes(per_entity=rates(), per_rule=rates()).filter(bool),
            inhibit=st.fixed_dictionaries(
                {"by": st.just(["down"]), "equal": st.just(["e"])}, optional={"group_wait": st.just("30s")}
            ),
            brake=st.just({"openings": 2, "within": "10m"}),
        )
    )
    shape = draw(st.sampled_from(["plain", "again", "group", "each_event"]))
    if shape == "each_event":
        rule["opens"] = "each_event"
    elif "tell" in graph:
        rule["on_clear"] = draw(sometimes(resolve=st.just(RESOLVE), over=st.just(OVER), undo=st.just(UNDO)))
    else:
        rule["on_clear"] = draw(sometimes(resolve=st.just(RESOLVE), over=st.just(OVER)))
    if shape == "again":
        rule["again"] = {"every": "60s", "at_most": 3}
    if shape == "group":
        rule["group"] = {"by": ["g"], "wait": "45s", "at_most": 2}
        text = json.dumps(rule).replace("{{ e }}", "{{ g }}").replace("{{ n }}", "{{ group.size }}")
        for name in ("n > 12", "n > 14", "missing > 1"):
            text = text.replace(f'"{name}"', '"group.size > 1"')
        rule = json.loads(text.replace("{{ list }}", "{{ group.members }}"))
        rule["when"] = "n > 10"
    down = {"id": "down", "from": "metrics", "per": ["e"], "when": "up == 0", "mode": "act", "steps": {"say": PAGE}}
    silences = draw(st.lists(st.sampled_from(SILENCES), max_size=1))
    return {"rules.yaml": json.dumps({"language": 1, "rules": [rule, down], "silences": silences})}


SILENCES = [
    {"id": "s", "rule": "main", "at": "1 10 * * *", "lasts": "2m", "because": "x"},
    {"id": "t", "match": {"e": "a"}, "at": "*/5 * * * *", "lasts": "1m", "because": "x"},
]


@st.composite
def events(draw: st.DrawFn) -> list[tuple[str, Event]]:
    """Make what happens, most of it within some minutes."""
    now, found = BEGIN, list[tuple[str, Event]]()
    for number in range(draw(st.integers(1, 14))):
        now += draw(st.sampled_from([0, 1, 10, 29, 31, 44, 60, 61, 120, 300]))
        fields = draw(
            st.fixed_dictionaries(
                {"e": st.sampled_from("abc"), "g": st.sampled_from("vw"), "list": st.just(["x", "y"])},
                optional={"n": st.sampled_from([1, 11, 13, 15]), "up": st.sampled_from([0, 1])},
            )
        )
        found.append(("metrics", Event(f"i{number}", "metrics", now, now, number, fields)))
    return found


policies = st.builds(
    Policy,
    mode=st.sampled_from([Mode.ACT, Mode.ACT, Mode.ACT, Mode.APPROVE]),
    tools=st.dictionaries(st.sampled_from(["send_alert", "notify"]), st.sampled_from([Mode.APPROVE, Mode.OBSERVE])),
    money=st.none()
    | st.builds(
        MoneyLimits,
        per_effect=st.sampled_from([None, Decimal(140)]),
        per_rule_day=st.sampled_from([None, Decimal(250)]),
        per_day=st.sampled_from([None, Decimal(300)]),
    ),
    brake=st.none() | st.just(Brake(2, 300.0)),
)
scripts = st.builds(
    Script,
    approvals=st.sampled_from(Approvals),
    paused=st.just(frozenset[str]())
    | st.sampled_from(["all", "rule:main", "tool:notify", "tool:draft_purchase_order"]).map(
        lambda each: frozenset([each])
    ),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.builds(Play, rule_files(), policies, scripts, events()))
def test_the_effects_of_a_rehearsal_are_those_of_a_worker(valkey_url: str, play: Play) -> None:
    openings, triggers = rehearsed(play)
    effects = {each.incident: told([_row(done) for done in each.effects]) for each in openings if each.effects}
    with our_clock(), patch("dutyd.act.path.TOLD_SECONDS", 0.0):
        really, really_open = asyncio.run(live(valkey_url, play, triggers))
    _note_differences(play, triggers, effects, really)
    assert effects == really
    assert {each.incident for each in openings if not each.over} == really_open


SILENCED = Play(
    {
        "rules.yaml": json.dumps(
            {
                "language": 1,
                "rules": [
                    {
                        "id": "main",
                        "from": "metrics",
                        "per": ["e"],
                        "when": "n > 10",
                        "mode": "act",
                        "steps": {"order": ORDER},
                    }
                ],
                "silences": SILENCES[:1],
            }
        )
    },
    Policy(),
    Script(),
    [
        ("metrics", Event(f"i{at}", "metrics", BEGIN + at, BEGIN + at, at, {"e": "a", "n": n}))
        for at, n in ((70, 13), (80, 1))
    ],
)


@example(SILENCED)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.builds(Play, rule_files(), policies, scripts, events()))
def test_what_is_muted_until_it_clears_is_left_alone_by_a_worker_that_comes_late_too(
    valkey_url: str, play: Play
) -> None:
    openings, triggers = rehearsed(play)
    with our_clock(), patch("dutyd.act.path.TOLD_SECONDS", 0.0):
        really, _ = asyncio.run(live(valkey_url, play, triggers, late=True))
    _note_differences(play, triggers, {}, really)
    never = {each.incident for each in openings if each.begun is None and each.cleared is not None}
    assert not never & really.keys()


def _note_differences(play: Play, triggers: Sequence[Trigger], effects: Told, really: Told) -> None:
    note(play.files["rules.yaml"])
    for each in triggers:
        note(f"{each.decided - BEGIN:g}: {each.rule} {each.kind} {each.entity} round {each.round}")
    for incident in effects.keys() | really.keys():
        if effects.get(incident) != really.get(incident):
            note(f"{incident} on the desk: {effects.get(incident)}, really: {really.get(incident)}")
