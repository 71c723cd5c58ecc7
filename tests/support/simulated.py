"""A simulated world in which anything may go wrong between two steps: one seed, one incident, one class of provider.

Real are the act path and the ledger's scripts on a server; simulated are the clock, the system outside, and chance.
A worker may die, or be frozen past its lease while another works, before and after each word with the ledger; a request
may be lost, refused for now, executed without an answer, or answered with an error; triggers come twice, and clear.
"""

import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dutyd.act.lease import Lease
from dutyd.act.means import Means
from dutyd.act.path import work
from dutyd.core.incident import EffectState, Evidence, Trigger, TriggerKind, incident_id, provider_key
from dutyd.core.limits import Throttle
from dutyd.core.policy import Policy
from dutyd.core.route import Routes
from dutyd.core.rule import Mode
from dutyd.core.tool import NotSentError, Promise, ProviderClass, Receipt, UnknownOutcomeError
from dutyd.ledger import Ledger
from dutyd.ledger.birth import Since
from dutyd.ledger.effects import Effect, LostError
from dutyd.ledger.incidents import Arrival, Claim
from support.acting import CATALOGUE, FixedBook
from support.clocked import tell_time

LEASE = 15.0
TIMEOUT = 5.0
LAG = 20.0
"""Seconds until a system of class B finds what it was given."""

RULES = """
language: 1
rules:
  - id: sim
    from: metrics
    per: [service]
    when: n > 0
    mode: act
    steps:
      first: {tool: create_ticket, with: {project: OPS, kind: incident, title: a, body: b}, IF_UNSURE}
      second: {tool: create_ticket, with: {project: OPS, kind: x, title: "{{ steps.first.id }}", body: b}, IF_UNSURE}
"""


class DeathError(BaseException):
    """The worker is gone."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What one run is about: the provider's class, what the rule says when unsure, and whether look-ups are blind."""

    cls: ProviderClass
    if_unsure: str = ""
    blind: bool = False


KINDS = (
    Kind(ProviderClass.A),
    Kind(ProviderClass.B),
    Kind(ProviderClass.C),
    Kind(ProviderClass.C, "skip"),
    Kind(ProviderClass.C, "repeat"),
)


@dataclass
class World:
    """Chance, the clock (seconds), and the system outside: when each key was executed."""

    kind: Kind
    chance: random.Random
    now: float = 1_780_000_000.0
    calm: bool = False
    done: dict[str, list[float]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)

    def strikes(self, what: str, share: float) -> bool:
        """Whether *what* goes wrong now."""
        hit = not self.calm and self.chance.random() < share
        self.faults[what] += hit
        return hit

    def promise_of(self, kind: str) -> Promise:
        """Return the class of the system."""
        del kind
        settle = LAG if self.kind.cls is ProviderClass.B else 0.0
        return Promise(self.kind.cls, timeout=TIMEOUT, settle=settle, searchable=self.kind.cls is not ProviderClass.C)

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Make it, unless something is in the way."""
        del kind, body
        if self.strikes("not sent", 0.1):
            raise NotSentError("refused for now", retry_after=self.chance.choice([None, 1.0, 30.0]))
        if self.strikes("lost request", 0.1):
            self.now += self.chance.uniform(0, TIMEOUT)
            raise UnknownOutcomeError("no answer")
        late = self.strikes("late execution", 0.1)  # it is still on its way when we give up
        self.now += self.chance.uniform(0, 1)
        before = self.done.setdefault(key, [])
        if not (before and self.kind.cls is ProviderClass.A):
            before.append(self.now + (self.chance.uniform(0, TIMEOUT - 1) if late else 0.0))
        if late or self.strikes("lost answer", 0.15):
            raise UnknownOutcomeError("executed, and nobody heard of it")
        return Receipt(key[-6:], {})

    async def lookup(self, kind: str, key: str) -> Receipt | None:
        """Find it, once the system has taken note."""
        del kind
        if self.strikes("failed look-up", 0.1):
            raise NotSentError("can't be asked now")
        lag = LAG if self.kind.cls is ProviderClass.B else 0.0
        found = [at for at in self.done.get(key, ()) if at + lag <= self.now]
        return None if self.kind.blind or not found else Receipt(key[-6:], {}, copies=len(found))

    async def read(self, kind: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Nothing is read."""
        raise NotImplementedError(f"{kind} {query}")

    async def check(self) -> str:
        """It answers."""
        return ""

    async def close(self) -> None:
        """Nothing is open."""


class Struck:
    """A part of the ledger, with places before and after each of its words where *place* is called."""

    def __init__(self, real: Any, place: Callable[[str], Awaitable[None]]) -> None:
        self._real, self._place = real, place

    def __getattr__(self, name: str) -> Any:
        word = getattr(self._real, name)

        async def struck(*given: Any, **named: Any) -> Any:
            await self._place(f"before {name}")
            answer = await word(*given, **named)
            await self._place(f"after {name}")
            return answer

        return struck


@dataclass
class Run:
    """One incident through one world."""

    world: World
    ledger: Ledger
    book: FixedBook
    depth: int = 0

    async def place(self, where: str) -> None:
        """Let chance strike between two steps."""
        if self.world.strikes(f"death {where}", 0.02):
            raise DeathError(where)
        if self.depth < 2 and self.world.strikes(f"frozen {where}", 0.02):
            self.world.now += self.world.chance.uniform(1, 3) * LEASE
            await self.tell_time()
            self.depth += 1
            await self.turn()
            self.depth -= 1

    async def tell_time(self) -> None:
        """Set the ledger's clock."""
        await tell_time(self.ledger.scripts, self.world.now)

    async def accept(self, trigger: Trigger, offset: int) -> None:
        """Take *trigger* in."""
        arrival = Arrival(
            trigger,
            Mode.ACT,
            Throttle(),
            brakes=(),
            pages=False,
            storms=False,
            source="t:0",
            next_offset=offset,
            produced=int(self.world.now * 1000),
        )
        await self.ledger.incidents.accept([arrival])

    async def turn(self) -> bool:
        """Have a worker claim and work what is due; whether anything was."""
        await self.tell_time()
        claims = await self.ledger.incidents.claim(f"w{self.world.chance.random()}", LEASE, 1)
        for claim in claims:
            with contextlib.suppress(DeathError, LostError):
                await self.work(claim)
            await self.tell_time()
        return bool(claims)

    async def work(self, claim: Claim) -> None:
        """Work one claim as ``act.worker`` does, with what may strike it."""
        effects, incidents = Struck(self.ledger.effects, self.place), Struck(self.ledger.incidents, self.place)
        parts: dict[str, Any] = {"effects": effects, "incidents": incidents}
        ledger = replace(self.ledger, **parts)
        routes = Routes(self.world, {}, stands_in=True)
        families = {tool.family: routes for tool in CATALOGUE.values()}
        means = Means(
            ledger,
            self.book,
            Policy(),
            CATALOGUE,
            families,
            None,
            now=lambda: self.world.now,
            chance=self.world.chance.random,
        )
        lease = Lease(self.ledger.incidents, claim, LEASE, self.world.now, clock=lambda: self.world.now)
        rest = await work(means, claim, lease)
        await self.place("before rest")
        assert rest is not None, "only members of groups are given back on the way"
        await self.ledger.incidents.rest(claim, rest.waiting, rest.due, close=rest.close)


def trigger_of(seed: int, digest: str, at: float) -> Trigger:
    """Return the opening of *seed*'s incident."""
    return Trigger(
        incident=incident_id("sim", (str(seed),), "e"),
        kind=TriggerKind.OPENED,
        rule="sim",
        digest=digest,
        entity={"service": str(seed)},
        occurrence="e",
        opened=at,
        decided=at,
        evidence=Evidence(id="e", source="sim", time=at, fields={"n": 1}),
    )


async def simulate(seed: int, kind: Kind, ledger: Ledger, book: FixedBook) -> tuple[World, list[str]]:
    """Play *seed*; return its world and what is wrong in the end."""
    world = World(kind, random.Random(f"{seed}/{kind}"))  # it is to be repeated
    run = Run(world, ledger, book)
    await run.tell_time()
    await ledger.birth.born(Since.NEW)
    opening = trigger_of(seed, book.rules.digest, world.now)
    await run.accept(opening, 1)
    cleared = False
    for number in range(2, 18):
        await run.turn()
        world.now += world.chance.choice([0.1, 1.0, 5.0, 20.0])
        if world.strikes("repeated trigger", 0.1):
            await run.accept(opening, number)
        if not cleared and world.strikes("clear", 0.02):
            cleared = True
            values = {name: getattr(opening, name) for name in opening.__struct_fields__}
            end = {"kind": TriggerKind.CLEARED, "because": "clear", "opening": opening.evidence}
            await run.accept(Trigger(**{**values, **end}), number)
    world.calm = True
    quiet = 0
    while quiet < 3:  # in a calm world everything comes to rest
        quiet = 0 if await run.turn() else quiet + 1
        world.now += 130.0
    return world, await wrong(world, ledger, opening.incident, cleared=cleared)


async def wrong(world: World, ledger: Ledger, incident: str, *, cleared: bool) -> list[str]:
    """Return which laws the end breaks."""
    found: list[str] = []
    effects = await ledger.effects.of(incident)
    for key, times in world.done.items():
        if len(times) > 1 and world.kind.if_unsure != "repeat":
            found.append(f"{key} was done {len(times)} times")
    told = {effect.state.value for effect in effects}
    ends = {"DONE", "REFUSED"} if cleared or world.kind.if_unsure == "skip" else {"DONE"}
    if world.kind == Kind(ProviderClass.C):
        ends |= {"PARKED"}
    if world.kind.if_unsure == "skip" or world.kind == Kind(ProviderClass.C):
        ends |= {"REFUSED"}  # the second needs what the first gives
    if told - ends:
        found.append(f"effects ended as {sorted(told)}")
    if not cleared and not effects:
        found.append("nothing was begun: lost")
    if not cleared and told == {"DONE"} and len(effects) < 2:
        found.append("the second step was lost")
    found += [each for effect in effects for each in untrue(world, effect)]
    return found


def untrue(world: World, effect: Effect) -> Iterator[str]:
    """Yield what the ledger says of *effect* and is not so."""
    executed = bool(world.done.get(provider_key(effect.key)))
    if effect.state is EffectState.DONE and not executed:
        yield f"{effect.key} is told as done, and is not"
    if effect.state is EffectState.REFUSED and executed and world.kind.cls is not ProviderClass.C:
        yield f"{effect.key} is told as refused ({effect.reason}), and was done"
    if effect.state is EffectState.REFUSED and not effect.reason:
        yield f"{effect.key} is refused for no reason"


def rules_of(kind: Kind) -> str:
    """Return the rules of *kind*."""
    return RULES.replace(", IF_UNSURE", f", if_unsure: {kind.if_unsure}" if kind.if_unsure else "")
