"""Real servers from Python packages, each in a virtual environment of its own below ``.cache/servers``.

``environment(NAME)`` installs ``servers/NAME.lock`` (pinned, with hashes) once. Later runs find it again by the lock's
content: a changed lock is installed anew. Where the packages can't be had, ``UnavailableError`` says why, and fixtures
skip with it.
"""

import subprocess
import sys
import venv
from pathlib import Path

from support.debian import UnavailableError
from support.made_once import made_once

LOCKS = Path(__file__).parent / "servers"
INSTALL_SECONDS = 300.0
WORDS = 500  # characters of pip's own words in a reason


def environment(name: str) -> Path:
    """Return the Python of the environment that ``servers/NAME.lock`` describes; programs run as ``python -m``.

    Raises:
        UnavailableError: its packages can't be had here.

    """
    lock = LOCKS / f"{name}.lock"
    source = lock.read_bytes() + sys.version.encode()
    return made_once(name, source, lambda into: _install(name, lock, into)) / "bin" / "python"


def _install(name: str, lock: Path, into: Path) -> None:
    venv.create(into, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(into / "bin" / "python"), "install"]
    quiet = ["--quiet", "--disable-pip-version-check", "--retries=1", "--timeout=20"]
    try:
        done = subprocess.run(
            [*pip, *quiet, "--require-hashes", "-r", str(lock)],
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        said = done.stderr if done.returncode else ""
    except subprocess.TimeoutExpired:
        said = f"no end after {INSTALL_SECONDS:g} s"
    if said:
        raise UnavailableError(f"pip can't get {name}: {' '.join(said.split())[-WORDS:]}")
