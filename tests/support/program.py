"""The real program in a subprocess, as a user starts it: no variables of the developer's machine, no terminal."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

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
