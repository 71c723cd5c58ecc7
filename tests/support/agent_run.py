"""Around one agent run in tests: a desk that does granted calls once, a journal in memory, a clock that never waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from dutyd.act.agent import loop, prompt
from dutyd.act.agent.brief import Brief, End
from dutyd.act.agent.client import Client, Endpoint
from dutyd.act.agent.journal import Stop, Turn
from dutyd.act.agent.tries import Answered, Failed
from dutyd.act.gateway import Accepted, Call, Read, Rejected, judge, offered
from dutyd.core.incident import Evidence
from dutyd.core.rule import Rule
from dutyd.core.step import Budget
from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import parse_script
from support.grants import CATALOGUE, a_rule, names


@dataclass
class Desk:
    """Judges calls by the real gateway and remembers what was done: a step once, whoever asks how often.

    Attributes:
        effects: step to arguments; survives a crash, like the ledger.
        rejected: what the gateway turned away.
        reads: questions that were asked.
        stop_at: the step whose call finds the incident cleared.
        crash_at: the step before whose effect the process dies.
        mute: whether what is asked gets no answer.
    """

    rule: Rule
    effects: dict[str, Any] = field(default_factory=dict)
    rejected: list[str] = field(default_factory=list)
    reads: list[Any] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    stop_at: str = ""
    crash_at: str = ""
    mute: bool = False

    async def execute(self, call: Call) -> Answered | Failed | Stop:
        self.calls.append(call)
        if call.name == self.stop_at:
            return Stop("cleared")
        if call.name == self.crash_at:
            raise CrashedError
        match judge(self.rule, CATALOGUE, call, names()):
            case Accepted(step, args):
                self.effects.setdefault(step.name, args)
                return Answered(f"done: {self.effects[step.name]}")
            case Read(_, args):
                self.reads.append(args)
                return Failed("no answer") if self.mute else Answered("restart it")
            case Rejected(message):
                self.rejected.append(message)
                return Failed(f"Rejected: {message}")


@dataclass
class Notebook:
    """A journal in memory; *crash_at* is the turn after whose record the process dies."""

    turns: list[Turn] = field(default_factory=list)
    cleared: bool = False
    crash_at: int = 0

    async def record(self, turn: Turn) -> Stop | None:
        self.turns.append(turn)
        if turn.number == self.crash_at:
            raise CrashedError
        return Stop("cleared") if self.cleared else None


class CrashedError(Exception):
    """The process died here."""


@dataclass
class Instant:
    """A clock on which waiting takes no time but counts."""

    at: float = 0.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += seconds


@dataclass(frozen=True)
class Served:
    """A stand-in and the base URL for its clients."""

    url: str
    standin: Standin


@contextmanager
def playing(script: dict[str, Any] | None = None) -> Iterator[Served]:
    """Serve a stand-in; schemas are always checked strictly, so that what is offered proves itself."""
    standin = Standin(parse_script({"schemas": "strict", **(script or {})}))
    with Loopback(standin.app) as server:
        yield Served(f"{server.url}/v1", standin)


def a_brief(rule: Rule | None = None, budget: Budget | None = None, **fields: Any) -> Brief:
    """Return a brief for *rule*, with event *fields*."""
    chosen = rule or a_rule()
    seen = {"sku": "A-1", "service": "shop", **fields}
    evidence = Evidence("1", "stock", 0.0, seen)
    look = names(**seen)
    brief = prompt.brief_of(chosen, "i1", evidence, {}, offered(chosen, CATALOGUE, look), look)
    return brief if budget is None else replace(brief, budget=budget)


@dataclass
class Played:
    """One run against a stand-in, and all that can be looked at afterwards."""

    end: End
    desk: Desk
    journal: Notebook
    clock: Instant
    requests: int


async def play(
    script: dict[str, Any] | None = None,
    *,
    brief: Brief | None = None,
    desk: Desk | None = None,
    journal: Notebook | None = None,
    **endpoint: Any,
) -> Played:
    """Run *brief* against a stand-in with *script*."""
    desk = desk or Desk(a_rule())
    journal = journal or Notebook()
    clock = Instant()
    with playing(script) as served:
        client = Client(Endpoint(**{"base_url": served.url, **endpoint}))
        try:
            end = await loop.run(brief or a_brief(), client, desk.execute, journal, clock, lambda: 0.5)
        finally:
            await client.close()
    return Played(end, desk, journal, clock, served.standin.requests)
