"""The program in processes that are forked from one that has imported everything already.

What a row of the kill matrix costs is mostly a few starts of Python. Each process is a real one all the same: of its
own pid, with nothing of the program run before the fork, and dead by whatever signal it gets. ``kills`` starts them.
"""

import multiprocessing
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.crash.mortal import live

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "support.crash.mortal",
        "dutyd.app.service",
        "dutyd.app.acting",
        "dutyd.cli.places",
        "dutyd.cli.program",
        "dutyd.stream.kafka",
        "dutyd_tools.providers.backoffice",
        "openai",
    ]
)


class Forked:
    """``dutyd`` with *arguments* and its death by *plan* (``mortal``), as a process that writes to *log*."""

    def __init__(self, plan: Mapping[str, object], arguments: Sequence[str], log: Path) -> None:
        self._process = FORKS.Process(target=_run, args=(plan, arguments, log))
        self._process.start()

    def wait(self, seconds: float | None = None) -> int:
        """Return its exit code, as ``Popen.wait`` does.

        Raises:
            TimeoutExpired: it still runs after *seconds*.

        """
        self._process.join(seconds)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("dutyd", seconds or 0.0)
        return code

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Send it SIGKILL."""
        self._process.kill()


def _run(plan: Mapping[str, object], arguments: Sequence[str], log: Path) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    live(plan, arguments)
