"""Folders that take long to make: kept in ``.cache/servers``, made anew when what they are made of changes.

The packages of a real server, its database, its tracker: whoever starts one copies the folder or runs it from there.
"""

import fcntl
import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache" / "servers"

GIVEN_UP: dict[Path, Exception] = {}
"""Why a folder can't be made: that is not tried again in this process."""


def made_once(name: str, source: bytes, make: Callable[[Path], None]) -> Path:
    """Return a folder that *make* filled, now or in an earlier run with the same *source*.

    Of two processes that want it the second waits for the first one's. What *make* raises is raised again each time.
    """
    place = CACHE / f"{name}-{hashlib.sha256(source).hexdigest()[:12]}"
    if place.is_dir():
        return place
    if place in GIVEN_UP:
        raise GIVEN_UP[place]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            _make(place, make)
    return place


def _make(place: Path, make: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as fresh:
        folder = Path(fresh, place.name)
        folder.mkdir()
        try:
            make(folder)
        except Exception as error:
            GIVEN_UP[place] = error
            raise
        folder.rename(place)
