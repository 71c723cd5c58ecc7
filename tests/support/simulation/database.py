"""The Redis of a simulated world: a database of its own on a real server, that can lose what it holds.

Its clock and its run id are the simulation's: the ledger's scripts, read through ``ours``, take both from keys. So a
world can be started again, empty or with an older copy, without a server being restarted.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from dutyd.ledger.scripts import Scripts
from support.clocked import our_clock

RUN_ID = ("string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')", "redis.call('GET', key('run_id'))")

Copy = list[tuple[bytes, bytes]]


@dataclass
class SimulatedRedis:
    """One world's database."""

    scripts: Scripts
    runs: int = 1
    _told: dict[str, Any] = field(default_factory=dict)

    async def tell(self, now: float) -> None:
        """Set its clock, seconds since the epoch, and its run id."""
        said: dict[str, int | str] = {
            self.scripts.key("now"): int(now * 1000),
            self.scripts.key("run_id"): f"run{self.runs}",
        }
        if said != self._told:
            client: Any = self.scripts.client
            await client.mset(said)
            self._told = said

    async def copy(self) -> Copy:
        """Return a copy of all that it holds."""
        client: Any = self.scripts.client
        names = sorted(await client.keys("*"))
        async with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.dump(name)
            found = zip(names, await pipe.execute(), strict=True)
            return [(name, value) for name, value in found if value is not None]  # else gone in between

    async def start_again(self, copy: Copy | None, now: float) -> None:
        """Start it again with *copy*, or with what it holds."""
        client: Any = self.scripts.client
        if copy is not None:
            async with client.pipeline(transaction=False) as pipe:
                pipe.flushdb()
                for name, value in copy:
                    pipe.restore(name, 0, value)
                await pipe.execute()
        self.runs += 1
        self._told = {}
        await self.tell(now)


def our_redis(*off: tuple[str, str]) -> AbstractContextManager[None]:
    """Have the ledger's scripts ask the simulation for time and run id; the protections *off* are off."""
    return our_clock(*off, RUN_ID)
