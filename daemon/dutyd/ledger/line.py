"""One line to Redis for all that a process asks: what comes up while an answer is on its way leaves together.

A worker with a hundred incidents in work asks small questions all the time. One by one, each would cost a connection's
hand-over, two system calls and an fsync of its own; together they cost these once. A command alone leaves at once.
``scripts`` is the only caller.
"""

import asyncio
from typing import Any

import redis.asyncio

Argument = str | bytes | int | float
Command = tuple[str, list[bytes | int | float]]


class Line:
    """A line over *client*, used by one event loop."""

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self._client = client
        self._waiting: list[tuple[Command, asyncio.Future[Any]]] = []
        self._sending: asyncio.Task[None] | None = None

    def ask(self, command: str, *args: Argument) -> "asyncio.Future[Any]":
        """Send *command*, a method of the client, in the order in which commands are asked.

        The answer, or the client's error, comes through the future. Who stops waiting for it does not stop the command.

        Raises:
            UnicodeEncodeError: a text can't be sent; only who asked hears of it.

        """
        sent = [each.encode() if isinstance(each, str) else each for each in args]
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(((command, sent), answer))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return answer

    async def _send(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, []
            for answer, (_, waits) in zip(await self._answers([command for command, _ in asked]), asked, strict=True):
                if waits.cancelled():
                    continue
                if isinstance(answer, Exception):
                    waits.set_exception(answer)
                else:
                    waits.set_result(answer)

    async def _answers(self, commands: list[Command]) -> list[Any]:
        try:
            async with self._client.pipeline(transaction=False) as pipe:
                for name, args in commands:
                    getattr(pipe, name)(*args)
                return list(await pipe.execute(raise_on_error=False))
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer to each
            return [error] * len(commands)
