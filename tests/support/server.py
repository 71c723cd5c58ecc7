"""A server process of a test's own: a folder, a port, started until it answers, killed, removed.

Trackers, Tryton, Alertmanager and Prometheus are such servers; each says what its command is and when it is ready.
The port and the folder stay over restarts, as a server's do.
"""

import shutil
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx2

from support.broker import die_with_parent, free_port

START_SECONDS = 30.0


class Server(ABC):
    """One server process; it keeps its data over ``stop`` and ``start``, as far as it does by itself.

    Attributes:
        url: where it answers.
        directory: its folder, with its settings, data and log.

    """

    def __init__(self, name: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _command(self) -> list[str]:
        """Return what starts it."""

    @abstractmethod
    def _ready(self) -> bool:
        """Ask it; a connection that fails says that it is not."""

    def _runs_in(self) -> Path | None:
        return None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        log = self.directory / "server.log"
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._runs_in(),
                stdout=sink,
                stderr=sink,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # it only sets a flag of the new process
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self._name} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.02)

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

    def _answers(self) -> bool:
        try:
            return self._ready()
        except httpx2.TransportError:
            return False


AnyServer = TypeVar("AnyServer", bound=Server)


@contextmanager
def running(server: AnyServer) -> Iterator[AnyServer]:
    """Start *server*; end it and remove its data afterwards."""
    try:
        server.start()
        yield server
    finally:
        server.remove()
