"""The ledger's birth: whether this Redis still has what was written to it, and what is taken in where it has not.

The ledger notes the run id of the server that it is on. Data without that note is new, or lost; a server that was
started again has lost its newest data unless its fsync policy is proven. ``act.adopt`` asks, and decides what follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dutyd.ledger.scripts import Scripts, text


class Found(StrEnum):
    """What the server has of the ledger."""

    SAME = "same"
    RESTARTED = "restarted"  # the ledger is there, on a server that was started again
    NONE = "none"  # new, or lost


class Since(StrEnum):
    """What the ledger knows."""

    NEW = "new"  # nothing ever happened before it
    LOST = "lost"  # what happened before may be missing
    KEPT = "kept"  # everything, over a restart of the server


@dataclass(frozen=True, slots=True)
class Noted:
    """What is noted of the birth.

    Attributes:
        at: since when everything is known, ms since the epoch; 0: since ever.
        server: the run id of the server that the ledger was last found whole on, or made whole.

    """

    at: int
    server: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was taken in.

    Attributes:
        new: records that were not known.
        forgotten: those of them that are too young to have gone by themselves: their loss is proven.

    """

    new: int = 0
    forgotten: int = 0

    def __add__(self, other: "Adopted") -> "Adopted":
        """Return both together."""
        return Adopted(self.new + other.new, self.forgotten + other.forgotten)


class Birth:
    """The birth of one installation's ledger."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._looked_at = ""

    async def look(self) -> Found:
        """Return what the server has of the ledger now."""
        found, server = await self._scripts.run("birth")
        self._looked_at = text(server)
        return Found(text(found))

    async def noted(self) -> Noted:
        """Return what is noted of the ledger's birth."""
        at, server = await self._scripts.read("hmget", self._scripts.key("birth"), "at", "server")
        return Noted(int(at or 0), text(server))

    async def born(self, since: Since) -> bool:
        """Note that the ledger is on this server, knowing what *since* says; False: another was first, and counts."""
        return bool(await self._scripts.run("born", since, self._scripts.newest_send, self._looked_at))

    async def lacks_sends(self) -> bool:
        """Return whether it lacks sends that this process knows of: its data is an older copy."""
        return int(await self._scripts.read("get", self._scripts.key("sends")) or 0) < self._scripts.newest_send

    async def adopt(self, records: Sequence[tuple[bytes, bytes]]) -> "Adopted":
        """Take in *records* of the outcomes topic, key and value."""
        pairs = [part for pair in records for part in pair]
        return Adopted(*map(int, await self._scripts.run("adopt", *pairs)))
