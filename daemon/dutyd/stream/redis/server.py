"""What is asked of the Redis server besides reading: what a stream holds, and why it does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import redis as redis_py

from dutyd.core.errors import NotReadyError
from dutyd.stream.base import Span
from dutyd.stream.redis.entries import offset_of

if TYPE_CHECKING:
    import redis


@contextmanager
def reaching(what: str) -> Iterator[None]:
    """Do *what*; every failure of the client leaves as ``NotReadyError``."""
    try:
        yield
    except redis_py.RedisError as error:
        raise NotReadyError(f"can't {what} at Redis: {error}") from error


def edges(client: "redis.Redis", topic: str) -> Span:
    """Return the offsets that *topic* holds; an empty or missing one begins where it ends."""
    first: Any = client.xrange(topic, count=1)
    if first:
        last: Any = client.xrevrange(topic, count=1)
        return Span(offset_of(first[0][0]), offset_of(last[0][0]) + 1)
    if not client.exists(topic):
        return Span(0, 0)
    info: Any = client.xinfo_stream(topic)
    newest = bytes(info["last-generated-id"])
    end = offset_of(newest) + 1 if newest != b"0-0" else 0
    return Span(end, end)
