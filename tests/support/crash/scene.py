"""One fault's scene: an installation on real servers that tickets three systems, one of each class, and the verdict.

Each event asks for one ticket at a system of class A, one at B and one at C. A fault (``faults``) publishes
events, breaks something meanwhile, and mends it; the verdict is what the back office holds in the end.
"""

import asyncio
import json
import os
import secrets
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from dutyd.core.errors import NotReadyError
from dutyd.ledger import open_ledger
from dutyd.ledger.connect import connect_async
from support.broker import Broker, KafkaBroker
from support.crash.killed import publish
from support.daemon import Installation, installation
from support.valkey_server import ValkeyServer

CLASSES = ("A", "B", "C")
TIMEOUT = 1.5
SETTLE_SECONDS = 60.0
ENDED = ("DONE", "REFUSED", "PARKED")

_STEPS = """
      ticket_{name}:
        tool: create_ticket
        with: {{project: {kind}, kind: incident, body: x, to: {name}TITLE}}DECIDE
"""
_RULES = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    AGENT
    steps:""" + "".join(_STEPS.format(name=kind.lower(), kind=kind) for kind in CLASSES)
DECIDED = _RULES.replace("TITLE", ', title: "{{ service }}"').replace("DECIDE", "").replace("    AGENT\n", "")
ASKED = (
    _RULES.replace("TITLE", ', title: "{{ service }}"')
    .replace(", body: x", "")
    .replace("DECIDE", "\n        decide: {body: {text: 200}}\n        fallback: {body: fallback}")
    .replace("AGENT", "agent: {goal: Say what is wrong., budget: {seconds: 4, turns: 6}}")
)
"""The same, with something to decide in each step."""


@dataclass(frozen=True)
class Row:
    """What came of a fault at one class; ``lost`` and ``doubled`` are what the class does not allow."""

    fault: str
    kind: str
    expected: int
    seen: int
    parked: int
    lost: int
    doubled: int
    note: str = ""


@dataclass
class Servers:
    """The servers of a scene; those that it breaks are its own."""

    broker: Broker
    valkey_url: str
    valkey: ValkeyServer | None = None

    @property
    def own_broker(self) -> KafkaBroker:
        assert isinstance(self.broker, KafkaBroker)
        return self.broker

    @property
    def own_valkey(self) -> ValkeyServer:
        assert self.valkey is not None
        return self.valkey


@dataclass
class Scene:
    """An installation, its servers, and what was published to it."""

    name: str
    one: Installation
    servers: Servers
    published: list[str] = field(default_factory=list)

    @property
    def stream(self) -> str:
        return f"kafka://{self.servers.broker.address}"

    def publish(self, number: int) -> None:
        """Have *number* further services fail."""
        names = [f"s{len(self.published) + each}" for each in range(number)]
        self.published += names
        self.send([{"service": name, "error_count": 12} for name in names])

    def send(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish events as they are."""
        publish(self.stream, f"{self.name}.metrics", [dict(event) for event in events], "service")

    def mortal(self, at: str, hit: int) -> "subprocess.Popen[bytes]":
        """Start a daemon that stops, as SIGSTOP has it, at the *hit*-th pass of a point; return once it has."""
        plan = {"at": at, "do": "stop", "hit": hit}
        process = self.one.mortal(plan, "run", "--settings", str(self.one.settings))
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert process.poll() is None, self.one.log()
        return process

    def wait_for_executions(self, number: int) -> None:
        """Wait until the back office has done *number* things in all."""
        self._wait(lambda: len(self.one.listed("/executions")) >= number, f"{number} executions")

    def settle(self) -> None:
        """Wait until every effect of what was published has ended in the ledger."""
        wanted = len(CLASSES) * len(self.published)
        self._wait(lambda: sum(row["state"] in ENDED for row in self.effects()) >= wanted, f"{wanted} ended effects")

    def effects(self) -> list[dict[str, Any]]:
        """Return the effects as the ledger has them; none while it does not answer."""
        return asyncio.run(self._effects())

    async def _effects(self) -> list[dict[str, Any]]:
        client = connect_async(self.servers.valkey_url)
        try:
            return await open_ledger(client, self.name).queries.effects()
        except NotReadyError:
            return []
        finally:
            await client.aclose()

    def _wait(self, reached: Any, what: str) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while not reached():
            exits = [process.poll() for process in self.one.processes if process.poll()]
            if exits or time.monotonic() > deadline:
                states = Counter((row["step"], row["state"]) for row in self.effects())
                raise AssertionError(f"no {what}: {dict(states)}, exits {exits}\n{self.one.log()}")
            time.sleep(0.1)

    def break_tickets(self, **fault: Any) -> None:
        """Order a fault of the back office's tickets."""
        httpx2.post(f"{self.one.office}/faults", json={"path": "/tickets", **fault}).raise_for_status()

    def end(self) -> None:
        """Stop all daemons in order, then let one more look whether anything is left to do."""
        for process in self.one.processes:
            process.terminate()
        for process in self.one.processes:
            process.wait(60)
        self.one.run_until_idle("1s")

    def verdict(self, fault: str, note: str) -> list[Row]:
        """Hold what the back office has against what was published, class by class."""
        found = Counter((ticket["project"], ticket["title"]) for ticket in self.one.listed("/tickets"))
        effects = self.effects()
        return [self._judged(fault, kind, found, effects, note) for kind in CLASSES]

    def _judged(
        self, fault: str, kind: str, found: "Counter[tuple[str, str]]", effects: Sequence[Mapping[str, Any]], note: str
    ) -> Row:
        parked = {
            row["args"]["title"]
            for row in effects
            if row["step"] == f"ticket_{kind.lower()}" and row["state"] == "PARKED"
        }
        seen = {name for name in self.published if found[kind, name]}
        told = parked if kind == "C" else frozenset()  # only C may leave it to a person
        lost = set(self.published) - seen - told
        doubled = sum(max(0, number - 1) for (project, _), number in found.items() if project == kind)
        strange = sum(number for (project, title), number in found.items() if project == kind and title not in seen)
        return Row(fault, kind, len(self.published), len(seen), len(parked), len(lost), doubled + strange, note)


@contextmanager
def scene(broker: Broker, valkey_url: str, *, own: frozenset[str] = frozenset(), model: str = "") -> Iterator[Scene]:
    """Make a scene; *own*: the servers (``broker``, ``redis``) that are its own, *model*: the endpoint it may ask."""
    name = f"f{secrets.token_hex(5)}"
    with ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory()))
        servers = Servers(broker, valkey_url)
        if "broker" in own:
            servers.broker = KafkaBroker()
            open_.callback(servers.broker.stop)
            servers.broker.format()
            servers.broker.start()
        if "redis" in own:
            servers.valkey = ValkeyServer()
            open_.callback(servers.valkey.remove)
            servers.valkey.start()
            servers.valkey_url = servers.valkey.url
        one = open_.enter_context(
            installation(
                folder,
                name,
                ASKED if model else DECIDED,
                topics={"metrics": {"partitioned_by": ["service"]}},
                redis=servers.valkey_url,
                stream=f"kafka://{servers.broker.address}",
                **({"model": {"base_url": model}} if model else {}),
            )
        )
        settings = json.loads(one.settings.read_text())
        settings["providers"]["ticketing"]["routes"] = {
            kind.lower(): {"class": kind, "timeout": TIMEOUT} for kind in CLASSES
        }
        one.settings.write_text(json.dumps(settings))
        yield Scene(name, one, servers)
