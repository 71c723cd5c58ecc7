"""The ledger's scripts on a clock of the test's own: they ask a key for the time instead of the server."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from dutyd.ledger.scripts import Scripts
from dutyd.ledger.scripts import _source as source_of

_CLOCK = (
    "local t = redis.call('TIME')\n  return t[1] * 1000 + math.floor(t[2] / 1000)",
    "return tonumber(redis.call('GET', key('now')))",
)


@contextmanager
def our_clock(*others: tuple[str, str]) -> Iterator[None]:
    """Have every script that is loaded meanwhile ask the test for the time.

    *others*: further texts of ``common.lua``, and what stands in their place, one after the other.
    """

    @cache
    def ours(name: str) -> str:
        text = source = source_of(name)
        for there, instead in (*others, _CLOCK):
            assert there in source
            text = text.replace(there, instead)
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dutyd.ledger.scripts._source", ours)
        yield


async def tell_time(scripts: Scripts, now: float) -> None:
    """Set the clock of one ledger to *now*, seconds since the epoch."""
    await scripts.read("set", scripts.key("now"), round(now * 1000))
