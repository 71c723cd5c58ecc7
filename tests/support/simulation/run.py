"""One incident through a simulated world: the worker's own parts, with what may strike between any two of their steps.

A worker may die, be slow, or be frozen past its lease while another works, before and after each word with the ledger;
Redis may be away for one word, start again, and lose everything or its newest writes; triggers come twice, rounds
follow, people decide, and it clears. In the end the world is calm, and everything comes to rest; what must hold then is
in ``support.simulation.laws``.
"""

import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from dutyd.act.accept import Acceptor
from dutyd.act.adopt import Adoption
from dutyd.act.lease import Lease
from dutyd.act.means import Means
from dutyd.act.outcomes import Writer
from dutyd.act.worker import Worker
from dutyd.core.errors import NotReadyError
from dutyd.core.incident import Evidence, Trigger, TriggerKind, incident_id
from dutyd.core.policy import Policy
from dutyd.core.route import Routes
from dutyd.ledger import Ledger
from dutyd.ledger.claims import Claim
from support.acting import CATALOGUE, FixedBook
from support.simulation.database import Copy, SimulatedRedis
from support.simulation.people import decide
from support.simulation.topics import TRIGGERS, Topics
from support.simulation.world import LEASE, Kind, World

ROUNDS = 3
DAY = 25 * 3600.0
"""Longer than an approval waits."""


class DeathError(BaseException):
    """The worker is gone."""


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


class Straight(Acceptor):
    """An acceptor whose consumer needs no thread: what comes next is the seed's alone."""

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)


@dataclass
class Run:
    """One incident through one world.

    Attributes:
        opening: its first trigger.
        round: the newest round that the triggers topic has.
        cleared: whether the topic has its clear.
        approved: what people have agreed to: the provider's key and the title.
        wrong: what must not have happened on the way.

    """

    world: World
    ledger: Ledger
    book: FixedBook
    opening: Trigger
    round: int = 1
    cleared: bool = False
    approved: set[tuple[str, str]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    topics: Topics = field(default_factory=Topics)
    _copy: Copy | None = None
    _depth: int = 0
    _lease: Lease | None = None

    def __post_init__(self) -> None:
        self.redis = SimulatedRedis(self.ledger.scripts)
        self.worker = self._born()

    def _born(self) -> Worker:
        """Return a new worker process."""
        place = self.place
        parts: dict[str, Any] = {
            name: Struck(getattr(self.ledger, name), place) for name in ("effects", "incidents", "outcomes", "birth")
        }
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
        adoption = Adoption(ledger.birth, lambda: iter(self.topics.outcomes), lambda: [TRIGGERS], fsynced=True)
        reader: Any = self.topics.reader()
        acceptor = Straight(
            reader, ledger.incidents, self.book, Policy(), CATALOGUE, adoption, _bury, clock=lambda: self.world.now
        )
        producer: Any = self.topics
        writers = (Writer(ledger.outcomes, producer, "sim.outcomes"),)
        return Worker(means, acceptor, writers, "w", LEASE, clock=lambda: self.world.now)

    async def place(self, where: str) -> None:
        """Let chance strike between two steps."""
        world = self.world
        if world.strikes("death", 0.01):
            raise DeathError(where)
        if self._depth < 2 and world.strikes("frozen", 0.01):
            world.now += world.chance.uniform(1, 3) * LEASE
            await self._another_works()
        if self._depth < 2 and self._lease is not None and world.strikes("slow", 0.01):
            await self._kept_alive(self._lease)
        await self._lose()
        await self.redis.tell(world.now)
        if world.strikes("away", 0.01):
            raise NotReadyError(f"Redis is away {where}")

    async def _lose(self) -> None:
        """Let Redis start again here, whole or not; or have a copy of it made, which may be put back later."""
        world = self.world
        if self._copy is None:
            if world.strikes("copy", 0.01):
                await self.redis.tell(world.now)
                self._copy = await self.redis.copy()
        elif world.strikes("older Redis", 0.02):
            await self.redis.start_again(self._copy, world.now)
            self._copy = None
        if world.strikes("empty Redis", 0.001):
            await self.redis.start_again([], world.now)
            if world.strikes("compaction", 0.3):
                self.topics.compact()
        if world.strikes("restarted Redis", 0.001):
            await self.redis.start_again(None, world.now)

    async def _another_works(self) -> int:
        """Have another worker work what is due while this one stands still; return how much that was."""
        held = self._lease
        self._depth += 1
        try:
            return await self.work_once()
        finally:
            self._depth -= 1
            self._lease = held

    async def _kept_alive(self, lease: Lease) -> None:
        """Let a step take longer than a lease that is renewed meanwhile: nobody else gets the incident."""
        runs, world = self.redis.runs, self.world
        for _ in range(world.chance.randint(2, 5)):
            world.now += LEASE / 3
            await self.redis.tell(world.now)
            await lease.renew()
        if lease.lasts() and await self._another_works() and runs == self.redis.runs:
            self.wrong.append("another got the incident though its lease was kept")

    async def turn(self) -> bool:
        """Accept, work what is due, write outcomes; return whether anything was worked."""
        worked = False
        try:
            await self.redis.tell(self.world.now)
            with contextlib.suppress(NotReadyError):
                await self.worker.acceptor.turn()
            worked = bool(await self.work_once())
            with contextlib.suppress(NotReadyError):
                await self.worker.writers[0].turn()
        except DeathError:
            self._died()
        return worked

    def _died(self) -> None:
        """Go on as another process: what the dead one knew of sends is gone, so no older copy comes after it."""
        self._copy = None
        self.worker = self._born()

    async def work_once(self) -> int:
        """Have a worker claim and work what is due; return how much that was."""
        await self.redis.tell(self.world.now)
        claims = await self.ledger.incidents.claim(f"w{self.world.chance.random()}", LEASE, 1)
        for claim in claims:
            try:
                await self._work(claim)
            except DeathError:
                self._died()
            await self.redis.tell(self.world.now)
        return len(claims)

    async def _work(self, claim: Claim) -> None:
        """Work one claim as the worker does; its lease is renewed where the world is slow."""
        clock = self.worker.clock
        self._lease = lease = Lease(self.ledger.incidents, claim, LEASE, clock(), clock)
        try:
            rest = await self.worker._guarded(claim, lease)
            lease.end()
            if rest is not None:
                with contextlib.suppress(NotReadyError):
                    await self.worker._give_back(claim, rest)
        finally:
            self._lease = None

    def publish(self, kind: TriggerKind) -> None:
        """Publish a record of the incident."""
        values = {name: getattr(self.opening, name) for name in self.opening.__struct_fields__}
        if kind is TriggerKind.CHANGED:
            self.round += 1
            values["round"] = self.round
        if kind is TriggerKind.CLEARED:
            self.cleared = True
            values |= {"because": "clear", "opening": self.opening.evidence, "round": self.round}
        self.topics.publish(Trigger(**{**values, "kind": kind}), self.world.now)


def _bury(*_: object) -> None:
    raise AssertionError("no record here is bad")


def opening_of(seed: int, rule: str, digest: str, at: float) -> Trigger:
    """Return the opening of *seed*'s incident."""
    return Trigger(
        incident=incident_id(rule, (str(seed),), "e"),
        kind=TriggerKind.OPENED,
        rule=rule,
        digest=digest,
        entity={"service": str(seed)},
        occurrence="e",
        opened=at,
        decided=at,
        evidence=Evidence(id="e", source="sim", time=at, fields={"n": 1}),
    )


async def simulate(seed: int, kind: Kind, ledger: Ledger, book: FixedBook) -> Run:
    """Play *seed* to its end."""
    world = World(kind, random.Random(f"{seed}/{kind}"))  # it is to be repeated
    rule = world.chance.choice(["plain", "plain", "asked"])
    run = Run(world, ledger, book, opening_of(seed, rule, book.rules.digest, world.now))
    run.publish(TriggerKind.OPENED)
    for _ in range(18):
        await run.turn()
        world.now += world.chance.choice([0.1, 1.0, 5.0, 20.0])
        await run.redis.tell(world.now)
        if rule == "asked":
            await decide(run.ledger, world, run.approved, 0.2)
        if run.cleared:
            continue
        if world.strikes("repeated trigger", 0.1):
            run.topics.repeat(world.chance.randint(1, 3), world.now)
        if run.round < ROUNDS and world.strikes("round", 0.03):
            run.publish(TriggerKind.CHANGED)
        if world.strikes("clear", 0.02):
            run.publish(TriggerKind.CLEARED)
    world.calm = True
    await come_to_rest(run)
    return run


async def come_to_rest(run: Run) -> None:
    """In a calm world everything ends; people decide what still waits, or its time is over."""
    patient = run.world.chance.random() < 0.5
    quiet = 0
    while quiet < 3:
        quiet = 0 if await run.turn() else quiet + 1
        if run.opening.rule == "asked" and await run.ledger.effects.awaiting_approval():
            quiet = 0
            if patient:
                await decide(run.ledger, run.world, run.approved, 1.0)
            else:
                run.world.now += DAY
        run.world.now += 130.0
