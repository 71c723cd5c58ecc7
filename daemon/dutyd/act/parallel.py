"""Side by side, a few at a time: steps of an incident (``path``), items of a step (``perform``)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


async def side_by_side(most: int, do: Callable[[S], Awaitable[T]], things: Iterable[S]) -> list[T]:
    """*do* each of *things*, at most so many at the same time; return what came of each, in their order.

    All come to rest before the first error is told: none goes on sending under a lease that was given back.
    """
    slots = asyncio.Semaphore(most)

    async def one(thing: S) -> T:
        async with slots:
            return await do(thing)

    ended = await asyncio.gather(*(one(thing) for thing in things), return_exceptions=True)
    done: list[T] = []
    for result in ended:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done
