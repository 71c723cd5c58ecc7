"""Runs the ledger's Lua scripts (``lua/*.lua``): the only code that changes incidents and effects.

A script is one atomic step that checks the fencing token itself; what Python sees is its answer. ``common.lua`` is put
in front of each. Redis' errors become ``NotReadyError`` here, once: an outage of the ledger is never an answer.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError

from dutyd.core.errors import NotReadyError

Argument = str | bytes | int | float


@cache
def _source(name: str) -> str:
    folder = files("dutyd.ledger") / "lua"
    return (folder / "common.lua").read_text() + "\n" + (folder / f"{name}.lua").read_text()


def ms(seconds: float) -> int:
    """Return *seconds* as the whole milliseconds that scripts speak."""
    return int(seconds * 1000)


def text(value: Any) -> str:
    """Return what Redis answered as text; nothing is the empty text."""
    return value.decode() if isinstance(value, bytes) else str(value if value is not None else "")


def mapping(flat: list[Any]) -> dict[str, str]:
    """Return ``[field, value, ...]`` as a mapping of texts."""
    return {text(flat[i]): text(flat[i + 1]) for i in range(0, len(flat), 2)}


class Scripts:
    """The scripts of one installation on one server."""

    def __init__(self, client: "redis.asyncio.Redis", installation: str) -> None:
        self.client = client
        self.installation = installation
        self._scripts: dict[str, Any] = {}

    def key(self, *parts: str) -> str:
        """Return the key ``installation:part:...``."""
        return ":".join((self.installation, *parts))

    async def run(self, name: str, *args: Argument) -> Any:
        """Run one script.

        Raises:
            NotReadyError: Redis does not answer, or refuses to write.

        """
        try:
            return await self._script(name)(args=[self.installation, *args])
        except RedisError as error:
            raise NotReadyError(f"Redis: {error}") from error

    async def run_many(self, name: str, calls: list[tuple[Argument, ...]]) -> list[Any]:
        """Run one script for each of *calls* in one round trip, in order; each call is atomic on its own."""
        try:
            async with self.client.pipeline(transaction=False) as pipe:
                for args in calls:
                    await self._script(name)(args=[self.installation, *args], client=pipe)
                return list(await pipe.execute())
        except RedisError as error:
            raise NotReadyError(f"Redis: {error}") from error

    def _script(self, name: str) -> Any:
        if name not in self._scripts:
            self._scripts[name] = self.client.register_script(_source(name))
        return self._scripts[name]
