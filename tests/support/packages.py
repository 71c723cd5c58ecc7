"""Real servers from Python packages, each in a virtual environment of its own below ``.cache/servers``.

``environment(NAME)`` installs ``servers/NAME.lock`` (pinned, with hashes) once. Later runs find it again by the lock's
content: a changed lock is installed anew. Where the packages can't be had, ``UnavailableError`` says why, and fixtures
skip with it.
"""

import hashlib
import subprocess
import sys
import tempfile
import venv
from contextlib import suppress
from pathlib import Path

from support.debian import UnavailableError

CACHE = Path(__file__).parents[2] / ".cache" / "servers"
LOCKS = Path(__file__).parent / "servers"
INSTALL_SECONDS = 300.0
WORDS = 500  # characters of pip's own words in a reason

GIVEN_UP: dict[str, str] = {}
"""Why an environment can't be had: pip is not asked again in this process."""


def environment(name: str) -> Path:
    """Return the Python of the environment that ``servers/NAME.lock`` describes; programs run as ``python -m``.

    Raises:
        UnavailableError: its packages can't be had here.

    """
    lock = LOCKS / f"{name}.lock"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    place = CACHE / f"{name}-{digest}"
    if not place.is_dir():
        if name in GIVEN_UP:
            raise UnavailableError(GIVEN_UP[name])
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as fresh:
            made = Path(fresh, name)
            _install(name, lock, made)
            with suppress(OSError):  # another process was faster: its packages are the same
                made.rename(place)
    return place / "bin" / "python"


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
        GIVEN_UP[name] = f"pip can't get {name}: {' '.join(said.split())[-WORDS:]}"
        raise UnavailableError(GIVEN_UP[name])
