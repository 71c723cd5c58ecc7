"""A real Alertmanager and a real Prometheus for tests that stop them, kill them, or give them other settings.

Each has a folder and a port of its own; the port stays over restarts. Settings are the server's own, as JSON, which
is YAML to it.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from support.broker import die_with_parent, free_port
from support.debian import tree

START_SECONDS = 30.0

SILENT: Mapping[str, Any] = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
"""An Alertmanager that tells nobody."""


class MonitoringServer:
    """One server process; it keeps its data over ``stop`` and ``start``, as far as it does by itself.

    Attributes:
        url: where it answers.
        directory: its folder, with its settings, data and log.

    """

    def __init__(self, program: Path, runs_in: Path, flags: Sequence[str], settings: Mapping[str, Any]) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"{program.name}-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._runs_in = runs_in
        self._settings = self.directory / "settings.yml"
        self._settings.write_text(json.dumps(settings))
        always = [f"--config.file={self._settings}", f"--web.listen-address=127.0.0.1:{self.port}"]
        self._command = [str(program), *always, *(flag.format(data=self.directory / "data") for flag in flags)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        log = self.directory / "server.log"
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._runs_in,
                stdout=sink,
                stderr=sink,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # it only sets a flag of the new process
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self._command[0]} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.02)

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Give it other settings, without a restart."""
        self._settings.write_text(json.dumps(settings))
        httpx2.post(f"{self.url}/-/reload").raise_for_status()

    def stop(self) -> None:
        """End it as an administrator does; stopping what does not run is fine."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
        self.stop()

    def remove(self) -> None:
        """End it and remove its data."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _ready(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/-/ready").is_success
        except httpx2.TransportError:
            return False


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


@contextmanager
def running(server: MonitoringServer) -> Iterator[MonitoringServer]:
    """Start *server*; end it and remove its data afterwards."""
    try:
        server.start()
        yield server
    finally:
        server.remove()
