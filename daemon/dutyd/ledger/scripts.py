"""Runs the ledger's Lua scripts (``lua/*.lua``): the only code that changes incidents and effects. Reads are here, too.

A script is one atomic step that checks the fencing token itself; what Python sees is its answer. ``common.lua`` is put
in front of each. Redis' errors become ``NotReadyError`` here, once: an outage of the ledger is never an answer.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any

import redis.asyncio
from redis.exceptions import NoScriptError, RedisError

from dutyd.core.errors import NotReadyError
from dutyd.ledger.line import Argument, Line


@cache
def _source(name: str) -> str:
    folder = files("dutyd.ledger") / "lua"
    return (folder / "common.lua").read_text() + "\n" + (folder / f"{name}.lua").read_text()


def ms(seconds: float) -> int:
    """Return *seconds* as the whole milliseconds that scripts speak."""
    return int(seconds * 1000)


def of_ours(answer: object) -> str:
    """Return what a script answered in words.

    Raises:
        NotReadyError: the server may have lost data: nothing is taken in until a worker has looked at that.

    """
    said = text(answer)
    if said == "stranger":
        raise NotReadyError("Redis was started again, or lost its data: a worker makes the ledger whole first")
    return said


def text(value: Any) -> str:
    """Return what Redis answered as text; nothing is the empty text."""
    return value.decode() if isinstance(value, bytes) else str(value if value is not None else "")


def mapping(flat: list[Any]) -> dict[str, str]:
    """Return ``[field, value, ...]`` as a mapping of texts."""
    return {text(flat[i]): text(flat[i + 1]) for i in range(0, len(flat), 2)}


@contextmanager
def reaching() -> Iterator[None]:
    """Let every failure of the client leave as ``NotReadyError``: reads, too, are the world's business."""
    try:
        yield
    except RedisError as error:
        raise NotReadyError(f"Redis: {error}") from error


def texts(row: Mapping[bytes, bytes]) -> dict[str, str]:
    """Return a hash as Redis gives it as a mapping of texts."""
    return {name.decode(): value.decode() for name, value in row.items()}


class Scripts:
    """The scripts of one installation on one server, and the plain reads beside them.

    Attributes:
        newest_send: the number of the newest send that this process knows of; a ledger that counts less has lost some.

    """

    def __init__(self, client: "redis.asyncio.Redis", installation: str) -> None:
        self.client = client
        self.installation = installation
        self.newest_send = 0
        self._line = Line(client)
        self._scripts: dict[str, tuple[str, str]] = {}

    def key(self, *parts: str) -> str:
        """Return the key ``installation:part:...``."""
        return ":".join((self.installation, *parts))

    async def run(self, name: str, *args: Argument) -> Any:
        """Run one script.

        Raises:
            NotReadyError: Redis does not answer, or refuses to write.

        """
        source, digest = self._script(name)
        with reaching():
            try:
                return await self._line.ask("evalsha", digest, 0, self.installation, *args)
            except NoScriptError:  # the first time, or the server was started again: it did not run
                load = self._line.ask("script_load", source)
                return (await asyncio.gather(load, self._line.ask("evalsha", digest, 0, self.installation, *args)))[1]

    async def run_many(self, name: str, calls: list[tuple[Argument, ...]]) -> list[Any]:
        """Run one script for each of *calls* in one round trip, in order; each call is atomic on its own."""
        source, digest = self._script(name)
        # Loaded in any case: were it missing for the first only, the second would run before it.
        asked = [self._line.ask("script_load", source)]
        asked += [self._line.ask("evalsha", digest, 0, self.installation, *args) for args in calls]
        with reaching():
            return (await asyncio.gather(*asked))[1:]

    async def read(self, command: str, key: str, *args: Argument) -> Any:
        """Run a reading *command* (``hgetall``, ``lrange``, ...) on *key*; raises NotReadyError as ``run`` does."""
        with reaching():
            return await self._line.ask(command, key, *args)

    async def read_many(self, command: str, keys: list[str], *args: Argument) -> list[Any]:
        """Run a reading *command* on each of *keys* in one round trip, apart from the line: it may be a long list."""
        if not keys:
            return []
        with reaching():
            async with self.client.pipeline(transaction=False) as pipe:
                for key in keys:
                    getattr(pipe, command)(key, *args)
                return list(await pipe.execute())

    def _script(self, name: str) -> tuple[str, str]:
        """Return the source of a script, and the digest by which the server knows it."""
        if name not in self._scripts:
            source = _source(name)
            self._scripts[name] = source, hashlib.sha1(source.encode()).hexdigest()  # noqa: S324  # Redis' own choice
        return self._scripts[name]
