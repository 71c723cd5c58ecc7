"""The ledger's scripts on a clock of the test's own: they ask a key for the time instead of the server."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from dutyd.ledger.scripts import Scripts
from dutyd.ledger.scripts import _source as source_of

_CLOCK = "local t = redis.call('TIME')\n  return t[1] * 1000 + math.floor(t[2] / 1000)"


@contextmanager
def our_clock() -> Iterator[None]:
    """Have every script that is loaded meanwhile ask the test for the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dutyd.ledger.scripts._source", _on_our_clock)
        yield


async def tell_time(scripts: Scripts, now: float) -> None:
    """Set the clock of one ledger to *now*, seconds since the epoch."""
    await scripts.read("set", scripts.key("now"), round(now * 1000))


@cache
def _on_our_clock(name: str) -> str:
    source = source_of(name)
    assert _CLOCK in source
    return source.replace(_CLOCK, "return tonumber(redis.call('GET', key('now')))")
