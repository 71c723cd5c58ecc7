"""A simulated world in which anything may go wrong between two steps: one seed, one incident, one class of provider.

Real are the act path, acceptance, adoption and the ledger's scripts on a server (``support.simulation.run``); simulated
are the clock, the system outside, the topics (``support.simulation.topics``), and chance. This is the world: what it is
about, and the system outside, where a request may be lost, refused for now, executed late or without an answer, or
turned away.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dutyd.core.tool import NotSentError, Promise, ProviderClass, Receipt, UnknownOutcomeError

LEASE = 15.0
TIMEOUT = 5.0
LAG = 20.0
"""Seconds until a system of class B finds what it was given."""

RULES = """
language: 1
rules:
  - id: plain
    from: metrics
    per: [service]
    when: n > 0
    again: {every: 1m, at_most: 3}
    mode: act
    steps:
      level: {tool: check_stock_levels, with: {sku: a}}
      first:
        {needs: [level], tool: create_ticket, with: {project: OPS, kind: incident, title: a, body: b}, IF_UNSURE}
      second: {tool: create_ticket, with: {project: OPS, kind: x, title: "{{ steps.first.id }}", body: b}, IF_UNSURE}
  - id: asked
    from: metrics
    per: [service]
    when: n > 0
    again: {every: 1m, at_most: 3}
    mode: act
    steps:
      level: {tool: check_stock_levels, with: {sku: a}}
      first:
        {needs: [level], tool: create_ticket, with: {project: OPS, kind: incident, title: a, body: b}, IF_UNSURE}
      second:
        {
          tool: create_ticket,
          with: {project: OPS, kind: x, title: "{{ steps.first.id }}", body: b},
          approval_if: n > 0,
          IF_UNSURE
        }
"""


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


def rules_of(kind: Kind) -> str:
    """Return the rules of *kind*."""
    return RULES.replace(", IF_UNSURE", ", if_unsure: " + kind.if_unsure if kind.if_unsure else "").replace(
        ",\n          IF_UNSURE", f",\n          if_unsure: {kind.if_unsure}" if kind.if_unsure else ""
    )


@dataclass
class World:
    """Chance, the clock (seconds), and the system outside.

    Attributes:
        calm: nothing goes wrong any more.
        done: when each key was executed.
        bodies: what was executed under each key.
        left: keys of which a request has left this machine.

    """

    kind: Kind
    chance: random.Random
    now: float = 1_780_000_000.0
    calm: bool = False
    done: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    bodies: dict[str, list[Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    left: set[str] = field(default_factory=set)
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
        del kind
        if self.strikes("not sent", 0.1):
            raise NotSentError("refused for now", retry_after=self.chance.choice([None, 1.0, 30.0]))
        self.left.add(key)
        if self.strikes("lost request", 0.1):
            self.now += self.chance.uniform(0, TIMEOUT)
            raise UnknownOutcomeError("no answer")
        late = self.strikes("late execution", 0.1)  # it is still on its way when we give up
        self.now += self.chance.uniform(0, 1)
        before = self.done[key]
        if not (before and self.kind.cls is ProviderClass.A):
            before.append(self.now + (self.chance.uniform(0, TIMEOUT - 1) if late else 0.0))
            self.bodies[key].append(body)
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
        """Answer, unless something is in the way."""
        del kind, query
        if self.strikes("no answer", 0.3):
            error = self.chance.choice([NotSentError("refused for now", retry_after=30.0), UnknownOutcomeError("cut")])
            raise error
        return []

    async def check(self) -> str:
        """It answers."""
        return ""

    async def close(self) -> None:
        """Nothing is open."""
