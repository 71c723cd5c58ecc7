"""The program as a user starts it: no variables of the developer's machine, no terminal.

``dutyd`` runs it in a subprocess; ``Program`` calls its ``main`` here, which is faster by the start-up of Python, for
tests of what it says.
"""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog

from dutyd.cli import main
from dutyd.core.secrets import NOTHING_KNOWN, keep

BIN = Path(sys.executable).parent


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of a fresh machine, with the program on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("DUTYD_")}
    return {**kept, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", **extra}


def dutyd(
    *arguments: str | Path, cwd: Path, stdin: str = "", variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run ``dutyd`` in *cwd* and return how it ended."""
    return subprocess.run(
        [BIN / "dutyd", *arguments],
        cwd=cwd,
        input=stdin,
        env=environment(**(variables or {})),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Ended(NamedTuple):
    """How a call ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Program:
    """Calls the program in *folder*."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *arguments: str, stdin: str = "") -> Ended:
        """Call it with *arguments* and return how it ended."""
        handlers, level = logging.root.handlers[:], logging.root.level
        with self.monkeypatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["dutyd", *arguments])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
            for name in [name for name in os.environ if name.startswith("DUTYD_")]:
                patch.delenv(name)
            self.capsys.readouterr()
            try:
                with pytest.raises(SystemExit) as ended:
                    main()
            finally:
                structlog.reset_defaults()
                keep(NOTHING_KNOWN)
                logging.root.handlers[:] = handlers
                logging.root.setLevel(level)
        return Ended(int(ended.value.code or 0), *self.capsys.readouterr())
