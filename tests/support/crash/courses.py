"""What goes on while a process is killed, and the points that are passed on the way.

Each course has the points of one family (``points``). ``kills`` plays it: publish, ``prepare``, die of ``command``,
 ``between`` and die again, ``finish``, then the verdict.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dutyd.core.topic import record_key
from dutyd.embedded.standin import Standin
from dutyd.ledger import Ledger, open_ledger
from dutyd.ledger.connect import connect_async
from dutyd.ledger.queries import Row
from dutyd.stream import open_stream
from dutyd.stream.base import TopicSpec
from support.crash import points
from support.crash.asked import (
    ASKED,
    CLEAR,
    DECIDED,
    ERRORS,
    GATHERED,
    GROUPED,
    MEMBERS,
    OPENINGS,
    PAGED,
    RESOLVED,
    RULES,
    STOCK,
    TURNS,
    WANTED,
)
from support.crash.forked import Forked
from support.crash.points import Point
from support.daemon import END_SECONDS, Installation

T = TypeVar("T")

CLASSES = {
    "A": ("A", ""),
    "B": ("B", ""),
    "C": ("C", ""),
    "C skip": ("C", ", if_unsure: skip"),
    "C repeat": ("C", ", if_unsure: repeat"),
    "C done": ("C", ""),
    "C resend": ("C", ""),
}
"""What a row is about: the class, and what the rule says when unsure; or, where that is nothing, what a person says."""

EACH_CLASS = ("A", "B", "C", "C skip", "C repeat")


@dataclass
class Killed:
    """One installation of a course, and where its events and its ledger are.

    Attributes:
        name: of the installation.
        kind: one of ``CLASSES``.
        model: what a course that asks one asks.
        unheard: the effects that were being sent at each death: nobody heard what became of them.
        processes: those that were started.

    """

    one: Installation
    name: str
    kind: str
    stream: str
    redis: str
    model: Standin
    unheard: list[Row] = field(default_factory=list)
    processes: list[Forked] = field(default_factory=list)

    def publish(self, alias: str, events: Sequence[Mapping[str, Any]], key: str) -> None:
        """Publish *events* to the topic *alias*."""
        publish(self.stream, f"{self.name}.{alias}", events, key)

    def ask(self, question: Callable[[Ledger], Awaitable[T]]) -> T:
        """Ask, or change, the ledger."""

        async def asked() -> T:
            client = connect_async(self.redis)
            try:
                return await question(open_ledger(client, self.name))
            finally:
                await client.aclose()

        return asyncio.run(asked())

    def run(self) -> Sequence[str]:
        """Return the arguments of a daemon that ends when nothing is left to do."""
        return ("run", "--settings", str(self.one.settings), "--until-idle", "1s")

    def start(self, plan: Mapping[str, object], *arguments: str) -> Forked:
        """Start a process of the program that dies by *plan*, if it says so."""
        process = Forked(plan, arguments, self.one.settings.parent / "daemon.log")
        self.processes.append(process)
        return process

    def die(self, plan: Mapping[str, object], *arguments: str) -> int:
        """Run the program into its death, or to its end; return its exit code."""
        code = self.start(plan, *arguments).wait(END_SECONDS)
        if plan:
            self.unheard += [row for row in self.effects() if row["state"] in ("SENDING", "UNKNOWN")]
        return code

    def work(self) -> None:
        """Have one process do all that is left to do."""
        assert self.die({}, *self.run()) == 0, self.one.log()

    def effects(self) -> list[Row]:
        """Return the effects as the ledger has them."""
        return self.ask(lambda ledger: ledger.queries.effects())


def publish(url: str, topic: str, events: Sequence[Mapping[str, Any]], key: str) -> None:
    """Write *events* as producers do, into a topic of two partitions."""
    stream = open_stream(url, {})
    stream.ensure(TopicSpec(topic, 2))
    producer = stream.producer()
    for event in events:
        producer.send(topic, json.dumps(event).encode(), key=record_key((str(event[key]),)))
    producer.close()
    stream.close()


@dataclass(frozen=True)
class Course:
    """Events come, and a daemon that works them dies.

    Attributes:
        points: where it may die.
        kinds: the classes that it is played at.
        wanted: what the back office is to hold in the end.
        events: by topic, with the member that their producers key them by.
        topics: the settings of the topics, by alias.
        again: where a daemon that goes on after the first kill is killed again, if its point has no own place.
        asks: whether its rules ask a model.
        passes: how often its points are passed at least: ``--long`` kills at each of them.

    """

    points: Mapping[str, Point]
    kinds: Sequence[str] = EACH_CLASS
    rules: str = RULES
    wanted: "Counter[tuple[str, str]]" = field(default_factory=lambda: WANTED)
    events: Sequence[tuple[str, Sequence[Mapping[str, Any]], str]] = (
        ("metrics", OPENINGS, "service"),
        ("stock", STOCK, "sku"),
    )
    topics: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {"metrics": {"partitioned_by": ["service"]}, "stock": {"partitioned_by": ["sku"]}}
    )
    settings: Mapping[str, Any] = field(default_factory=dict)
    again: str = "claim -> work"
    asks: bool = False
    passes: int = 4

    def prepare(self, killed: Killed) -> None:
        """Bring it to where it can die."""

    def command(self, killed: Killed) -> Sequence[str]:
        """Return the arguments of the process that dies."""
        return killed.run()

    def between(self, killed: Killed) -> None:
        """Do what happens between two deaths."""

    def afterwards(self, killed: Killed) -> Sequence[str]:
        """Return the arguments of the process that goes on, and may die in its turn."""
        return killed.run()

    def finish(self, killed: Killed) -> None:
        """Have all that is left done."""
        killed.work()

    def may_be_unsure(self, killed: Killed, row: Row) -> bool:
        """Return whether nobody can know what became of the effect of *row*: it was being sent at a death."""
        return any(row["key"] == each["key"] for each in killed.unheard)

    def missing(self, killed: Killed) -> int:
        """Return how much that the back office does not show is missing."""
        del killed
        return 0

    def needless(self, killed: Killed, point: str) -> int:
        """Return how much was done that a death at *point* does not account for, and the back office does not show."""
        del killed, point
        return 0


class TakingOver(Course):
    """A send that nobody heard the end of is settled by another."""

    def prepare(self, killed: Killed) -> None:
        killed.die({"at": "answer -> record"}, *killed.run())


class Clearing(Course):
    """One incident clears after all is done."""

    def prepare(self, killed: Killed) -> None:
        killed.work()
        killed.publish("metrics", CLEAR, "service")


class Sweeping(Course):
    """What was done is looked at again."""

    def prepare(self, killed: Killed) -> None:
        killed.work()

    def command(self, killed: Killed) -> Sequence[str]:
        return killed.run()[:-2]  # nobody waits for the sweeper

    afterwards = command

    def between(self, killed: Killed) -> None:
        """Let the lease of the one that died be over."""
        killed.ask(lambda ledger: ledger.scripts.client.delete(ledger.scripts.key("sweeper")))

    def finish(self, killed: Killed) -> None:
        self.between(killed)
        daemon, deadline = killed.start({}, *self.command(killed)), time.monotonic() + 30
        while self.missing(killed) and time.monotonic() < deadline:
            time.sleep(0.2)
        daemon.terminate()
        daemon.wait(60)

    def missing(self, killed: Killed) -> int:
        return sum(row["look"] != "fine" for row in killed.effects())


class Asking(Course):
    """A model decides both steps of one incident; it is asked anew only for an answer that was not recorded."""

    def needless(self, killed: Killed, point: str) -> int:
        return max(0, killed.model.answered - TURNS - (point == "model's answer -> turn"))


class Settling(Course):
    """A send that nobody knows the end of is parked, and a person says what it was, in a command that dies."""

    def prepare(self, killed: Killed) -> None:
        at = "answer -> record" if killed.kind == "C done" else "look-up -> request"
        killed.die({"at": at}, *killed.run())
        killed.work()

    def command(self, killed: Killed) -> Sequence[str]:
        return next(said for said in self._to_say(killed) if ("--done" in said) == (killed.kind == "C done"))

    def between(self, killed: Killed) -> None:
        """Have the person say what still has to be said."""
        for said in self._to_say(killed):
            assert killed.die({}, *said) == 0

    def finish(self, killed: Killed) -> None:
        self.between(killed)
        killed.work()

    def _to_say(self, killed: Killed) -> list[Sequence[str]]:
        """Look for each parked effect in the back office; return the commands that say what is there."""
        there = {entry["key"] for entry in killed.one.listed("/executions")}
        who = ("--as", "ana", "--because", "looked", "--settings", str(killed.one.settings))
        return [
            (
                "effects",
                "settle",
                row["key"],
                *(("--done", "T-1") if row["provider_key"] in there else ("--resend",)),
                *who,
            )
            for row in killed.ask(lambda ledger: ledger.queries.parked())
        ]


BY_KEY = {"metrics": {"partitioned_by": ["host"], "rekey": True, "partitions": 2}}
GROUPED_STOCK = (("stock", MEMBERS, "sku"),)
SWEPT = {"worker": {"lease": "2s", "sweep_per_minute": 600}}

COURSES = (
    Course(points.EVALUATE, ("B",), again="load of a task"),
    Course(
        points.BY_KEY,
        ("B",),
        f"language: 1\nrules:{ERRORS}",
        PAGED,
        (("metrics", OPENINGS, "host"),),
        BY_KEY,
        again="load of a task",
        passes=2,
    ),
    Course(points.ACT),
    TakingOver(points.UNKNOWN, passes=1),
    Clearing(points.CLEARS, wanted=WANTED + Counter([RESOLVED]), passes=1),
    Course(
        points.GROUPS,
        rules=f"language: 1\nrules:{GROUPED}",
        wanted=GATHERED,
        events=GROUPED_STOCK,
        topics={"stock": {"partitioned_by": ["sku"]}},
        passes=1,
    ),
    Sweeping(points.SWEEP, ("A", "B"), settings=SWEPT, again="taken -> look"),
    Asking(
        points.RUN,
        ("A", "B"),
        f"language: 1\nrules:{ASKED}",
        DECIDED,
        (("metrics", OPENINGS[:1], "service"),),
        {"metrics": {"partitioned_by": ["service"]}},
        again="turn -> its call",
        asks=True,
        passes=1,
    ),
    Settling(points.SETTLE, ("C done", "C resend"), passes=1),
)
