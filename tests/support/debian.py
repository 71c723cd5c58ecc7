"""Real servers from Debian's packages, without root: downloaded by apt, unpacked by dpkg into ``.cache/debian``.

``tree(PACKAGE, ...)`` gives a folder with these packages and whatever of their dependencies this machine lacks; it is
found again on the next run. Nothing is installed and no script of a package runs. Where apt or dpkg are absent, or a
package can't be had, ``UnavailableError`` says why: fixtures skip with it.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache" / "debian"
FETCH_SECONDS = 300.0
WORDS = 500  # characters of apt's own words in a reason

GIVEN_UP: list[str] = []
"""Why apt could get nothing: then it is not asked again in this process, each time until its patience ends."""


class UnavailableError(Exception):
    """A package can't be had here; the text says why."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Unpacked packages: *root* stands for ``/``."""

    root: Path

    def program(self, path: str) -> Path:
        """Return the program that is at *path* (``usr/bin/prometheus``) in its package."""
        found = self.root / path
        if not os.access(found, os.X_OK):
            raise UnavailableError(f"the packages in {self.root} hold no program {path}")
        return found

    def relocated(self, path: str, folder: str) -> Path:
        """Return a copy of a program that looks for what is below *folder* (``/usr/share/x/``) from where it runs.

        To be run in ``root``. For programs that have the place of their files built in; a path of the same length
        takes its place, since Go's texts have their length beside them.
        """
        program = self.program(path)
        moved = program.with_name(f"{program.name}.relocated")
        if not moved.exists():
            relative = f"{folder.strip('/')}//"
            fresh = program.with_name(f"{program.name}.{os.getpid()}")
            fresh.write_bytes(program.read_bytes().replace(folder.encode(), relative.encode()))
            fresh.chmod(0o755)
            fresh.rename(moved)
        return moved

    def folder(self, pattern: str) -> Path:
        """Return the one folder that *pattern* fits, such as ``usr/lib/*/rsyslog``: the machine's name is in it."""
        if not (found := sorted(self.root.glob(pattern))):
            raise UnavailableError(f"the packages in {self.root} hold nothing at {pattern}")
        return found[0]

    def environment(self) -> dict[str, str]:
        """Return this process's environment, with the shared libraries of the packages before the machine's."""
        folders = [*self.root.glob("usr/lib/*-linux-*"), *self.root.glob("lib/*-linux-*")]
        known = os.environ.get("LD_LIBRARY_PATH", "")
        return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join([*map(str, folders), *filter(None, [known])])}


def tree(*packages: str) -> Tree:
    """Return the unpacked *packages*, fetched now unless an earlier run did.

    Raises:
        UnavailableError: they can't be had here.

    """
    root = CACHE / "+".join(packages)
    if not root.is_dir():
        if GIVEN_UP:
            raise UnavailableError(GIVEN_UP[0])
        if missing := [program for program in ("apt-get", "dpkg") if shutil.which(program) is None]:
            raise UnavailableError(f"{' and '.join(packages)} would come from Debian: {' and '.join(missing)} missing")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as fresh:
            _unpack(_download(packages, Path(fresh)), Path(fresh, "root"))
            with suppress(OSError):  # another process was faster: its packages are the same
                Path(fresh, "root").rename(root)
    return Tree(root)


def _download(packages: Sequence[str], into: Path) -> list[Path]:
    archives = into / "archives"
    (archives / "partial").mkdir(parents=True)
    # apt finds out what this machine lacks and proves what it downloads; it never comes to installing anything.
    command = ["install", "--download-only", "--reinstall", "--no-install-recommends", "--yes"]
    options = [f"Dir::Cache::archives={archives}"]
    done = _apt([*command, *packages], options)
    if done.returncode:  # this machine's lists are empty, too old or broken: own ones
        lists = CACHE / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        options.append(f"Dir::State::lists={lists}")
        if not (done := _apt(["update"], options)).returncode:
            done = _apt([*command, *packages], options)
    if done.returncode:
        said = " ".join(done.stderr.split())[:WORDS]
        GIVEN_UP.append(f"apt can't get {' and '.join(packages)}: {said}")
        raise UnavailableError(GIVEN_UP[0])
    return sorted(archives.glob("*.deb"))


def _apt(arguments: Sequence[str], options: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    quick = ("Acquire::Retries=1", "Acquire::http::Timeout=20", "APT::Update::Error-Mode=any")
    always = ("Debug::NoLocking=1", "APT::Sandbox::User=", *quick)
    flags = [part for option in (*always, *options) for part in ("-o", option)]
    try:
        return subprocess.run(
            ["apt-get", "-qq", *flags, *arguments],
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        GIVEN_UP.append(f"apt-get {arguments[0]} took more than {FETCH_SECONDS:g} s")
        raise UnavailableError(GIVEN_UP[0]) from None


def _unpack(archives: Sequence[Path], root: Path) -> None:
    root.mkdir()
    for archive in archives:
        done = subprocess.run(["dpkg", "-x", archive, root], capture_output=True, text=True, check=False)
        if done.returncode:
            raise UnavailableError(f"dpkg can't unpack {archive.name}: {done.stderr[-WORDS:].strip()}")
