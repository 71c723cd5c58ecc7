"""The stage of one scene: an installation of its own, with the daemon as a process that can be killed.

Valkey, the back office and the stand-in run in (or beside) the demo's own process, so that they survive whatever
happens to the daemon; the daemon is ``dutyd run`` as anybody would start it. What the scenes count is what the back
office saw, never what the daemon says of itself.
"""

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import msgspec

from dutyd.app.publish import publish_lines
from dutyd.app.world import World
from dutyd.core.errors import NotReadyError
from dutyd.embedded.backoffice import app
from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import Script
from dutyd.ledger import Ledger
from dutyd.settings import load_settings

PATIENCE = 120.0
"""Seconds that a scene may wait for the daemon before it is called broken."""


@dataclass(frozen=True, slots=True)
class Play:
    """What a scene needs.

    Attributes:
        folder: where it keeps its files.
        redis, stream: the servers' addresses; *stream* None: Redis Streams on *redis*.
        rules: rule file name to its text.
        topics: source topic alias to its settings.
        script: what the stand-in is made to say.

    """

    folder: Path
    redis: str
    stream: str | None
    rules: Mapping[str, str]
    topics: Mapping[str, Mapping[str, Any]]
    script: Script


class Stage:
    """One installation in a folder; a context manager that ends what it started."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._open = ExitStack()
        self._daemon: subprocess.Popen[bytes] | None = None
        self.settings_file = play.folder / "dutyd.yaml"

    def __enter__(self) -> Self:
        play = self._play
        rules = play.folder / "rules"
        rules.mkdir(parents=True)
        for name, text in play.rules.items():
            (rules / name).write_text(text)
        self._office = self._open.enter_context(Loopback(app(play.folder / "backoffice.db")))
        standin = self._open.enter_context(Loopback(Standin(play.script).app))
        self._http = self._open.enter_context(httpx2.Client(base_url=self._office.url))
        name = f"demo-{secrets.token_hex(3)}"
        topics = {alias: {"topic": f"{name}.{alias}", **about} for alias, about in play.topics.items()}
        # Class B: it makes again whatever it is asked to make again, so that a double would show.
        office = {"kind": "backoffice", "url": self._office.url, "class": "B", "timeout": 3}
        families = ("alerting", "ticketing", "purchasing", "stock", "notify", "metrics")
        settings: dict[str, Any] = {
            "installation": name,
            "redis": play.redis,
            "rules": "rules",
            "topics": topics,
            "model": {"base_url": f"{standin.url}/v1", "api_key_env": "DUTYD_DEMO_KEY"},
            "providers": dict.fromkeys(families, office),
            "worker": {"lease": "2s"},
            "kafka": {"session": "6s"},
        }
        if play.stream:
            settings["stream"] = play.stream
        self.settings_file.write_bytes(msgspec.json.format(msgspec.json.encode(settings)))  # JSON is YAML
        self._world = self._open.enter_context(World(load_settings(self.settings_file, {})))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        self._open.close()

    def start(self) -> None:
        """Start the daemon."""
        log = (self._play.folder / "daemon.log").open("ab")
        command = [sys.executable, "-m", "dutyd", "run", "--settings", str(self.settings_file)]
        environment = {**os.environ, "DUTYD_DEMO_KEY": "standin"}
        self._daemon = subprocess.Popen(command, stdout=log, stderr=log, env=environment)  # noqa: S603  # our own
        log.close()

    def kill(self) -> None:
        """SIGKILL the daemon, where it runs."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def publish(self, alias: str, events: Iterable[Mapping[str, Any]], show: Callable[[int], None]) -> None:
        """Publish *events* to the topic *alias*, as ``dutyd publish`` does."""
        lines = (msgspec.json.encode(event) for event in events)
        topic = self._world.topics[alias]
        publish_lines(self._world.stream, topic, lines, show)

    def listed(self, path: str) -> list[dict[str, Any]]:
        """Return a list of the back office."""
        return list(self._http.get(path).json())

    def fault(self, **fault: object) -> None:
        """Order a fault of the back office."""
        self._http.post("/faults", json=fault).raise_for_status()

    def ask(self, question: Callable[[Ledger], Any]) -> Any:
        """Ask the ledger."""

        async def ask() -> Any:
            client = self._world.ledger_client()
            try:
                return await question(self._world.ledger(client))
            finally:
                await client.aclose()

        return asyncio.run(ask())

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait until *holds*.

        Raises:
            NotReadyError: it took too long, or the daemon ended by itself; the end of its log says why.

        """
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if self._daemon is not None and self._daemon.poll() is not None:
                raise NotReadyError(f"the daemon ended while the demo waited for {what}:\n{self._log_end()}")
            if time.monotonic() > deadline:
                raise NotReadyError(f"the demo waited {PATIENCE:g} s for {what}:\n{self._log_end()}")
            time.sleep(0.05)

    def settled(self) -> bool:
        """Whether no incident goes on by itself."""
        return bool(self.ask(lambda ledger: ledger.incidents.busy()) == 0)

    def _log_end(self) -> str:
        return "".join((self._play.folder / "daemon.log").read_text().splitlines(keepends=True)[-15:])
