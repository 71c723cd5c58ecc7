"""Reads a lock, and says which packages the program needs on this machine."""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def pins(lock: Path) -> dict[str, frozenset[str]]:
    """Return the hashes of every pinned version: ``name==version``, with its marker."""
    found = {}
    for entry in re.split(r"\n(?=\S)", lock.read_text().strip()):
        pin, *hashes = entry.replace("\\\n", " ").split("--hash=")
        found[pin.strip()] = frozenset(each.strip() for each in hashes)
    return found


def names(lock: Path) -> set[str]:
    """Return the names of the packages that *lock* pins."""
    return {canonicalize_name(pin.partition("==")[0]) for pin in pins(lock)}


def needed_by(name: str) -> set[str]:
    """Return the names of all that the installed package *name* needs here, with the extras that are asked for."""
    found: set[str] = set()
    todo = [Requirement(name)]
    while todo:
        wanted = todo.pop()
        try:
            needs = distribution(wanted.name).requires or []
        except PackageNotFoundError:
            continue  # its marker says that another platform needs it
        for need in map(Requirement, needs):
            extras = [*wanted.extras, ""]
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras):
                name_ = canonicalize_name(need.name)
                if name_ not in found or need.extras:
                    found.add(name_)
                    todo.append(need)
    return found
