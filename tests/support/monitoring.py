"""A real Alertmanager and a real Prometheus for tests that stop them, kill them, or give them other settings.

Each has a folder and a port of its own; the port stays over restarts. Settings are the server's own, as JSON, which
is YAML to it. ``alertmanager_system`` puts a proxy before one, for the contract suite.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from dutyd.core.tool import Provider
from dutyd.embedded.loopback import Loopback
from support.debian import tree
from support.providers import ALERTMANAGER
from support.proxied import ProxiedSystem, Proxy
from support.server import Server

SILENT: Mapping[str, Any] = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
"""An Alertmanager that tells nobody."""


class MonitoringServer(Server):
    """One server process, with settings that it reads again when it is told to."""

    def __init__(self, program: Path, runs_in: Path, flags: Sequence[str], settings: Mapping[str, Any]) -> None:
        super().__init__(program.name)
        self._program = program
        self._root = runs_in
        self._flags = flags
        self._settings = self.directory / "settings.yml"
        self._settings.write_text(json.dumps(settings))

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Give it other settings, without a restart."""
        self._settings.write_text(json.dumps(settings))
        httpx2.post(f"{self.url}/-/reload").raise_for_status()

    def _command(self) -> list[str]:
        always = [f"--config.file={self._settings}", f"--web.listen-address=127.0.0.1:{self.port}"]
        return [str(self._program), *always, *(flag.format(data=self.directory / "data") for flag in self._flags)]

    def _runs_in(self) -> Path:
        return self._root

    def _ready(self) -> bool:
        return httpx2.get(f"{self.url}/-/ready").is_success


def new_alertmanager(settings: Mapping[str, Any] = SILENT) -> MonitoringServer:
    """Return an Alertmanager, not started yet.

    Raises:
        UnavailableError: it can't be had here.

    """
    package = tree("prometheus-alertmanager")
    program = package.relocated("usr/bin/prometheus-alertmanager", "/usr/share/prometheus/")  # its templates
    flags = ["--storage.path={data}", "--cluster.listen-address="]  # empty: alone, no gossip port
    return MonitoringServer(program, package.root, flags, settings)


def new_prometheus(settings: Mapping[str, Any]) -> MonitoringServer:
    """Return a Prometheus, not started yet.

    Raises:
        UnavailableError: it can't be had here.

    """
    package = tree("prometheus")
    flags = ["--storage.tsdb.path={data}", "--web.enable-lifecycle"]
    return MonitoringServer(package.program("usr/bin/prometheus"), package.root, flags, settings)


class AlertmanagerSystem(ProxiedSystem):
    """The real Alertmanager at *target*, behind a proxy."""

    kind = ALERTMANAGER
    makes = "alert"
    body: Mapping[str, Any] = {"severity": "critical", "summary": "checkout fails"}
    other_body: Mapping[str, Any] = {**body, "severity": "info"}
    wrong_body: Mapping[str, Any] | None = None

    def __init__(self, target: str, server: Loopback, proxy: Proxy) -> None:
        super().__init__(server, proxy)
        self._target = target
        self._before = len(self._alerts({}))

    def connect(self, timeout: float = 10.0) -> Provider:
        return self.kind.connect({"url": self.url, "timeout": timeout})

    def made(self, key: str) -> int:
        return len(self._alerts({"filter": f'dutyd_key="{key}"'}))

    def total(self) -> int:
        return len(self._alerts({})) - self._before

    def _alerts(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        return list(httpx2.get(f"{self._target}/api/v2/alerts", params=dict(query)).json())


@contextmanager
def alertmanager_system(directory: Path, target: str) -> Iterator[AlertmanagerSystem]:
    """Put a proxy before the Alertmanager at *target*."""
    proxy = Proxy(target, directory, key_of=_key_in)
    with Loopback(proxy) as server:
        yield AlertmanagerSystem(target, server, proxy)


def _key_in(body: bytes) -> str:
    try:
        return str(json.loads(body)[0]["labels"]["dutyd_key"])
    except (ValueError, LookupError, TypeError):
        return ""
