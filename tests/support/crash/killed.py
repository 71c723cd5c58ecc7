"""One installation whose processes are killed: what is published to it, run in it, and asked of its ledger.

``courses`` says what goes on in it, ``kills`` plays that.
"""

import asyncio
import json
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
from support.crash.forked import Forked
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


@dataclass
class Killed:
    """One installation of a course, and where its events and its ledger are.

    Attributes:
        name: of the installation.
        kind: one of ``CLASSES``.
        model: what a course that asks one asks.
        off: protections that are switched off in each of its processes (``mortal``).
        unheard: the effects that were being sent at each death: nobody heard what became of them.
        told: the keys of those that the outcomes topic knew when the ledger was lost.
        processes: those that were started.

    """

    one: Installation
    name: str
    kind: str
    stream: str
    redis: str
    model: Standin
    off: Sequence[str] = ()
    unheard: list[Row] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
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
        process = Forked({**plan, "off": self.off}, arguments, self.one.settings.parent / "daemon.log")
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

    def change(self, **settings: Any) -> None:
        """Change its settings: for processes that are started from now on."""
        file = self.one.settings
        file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))

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
