"""The pace of a credential is kept by all processes together, and by each alone while Redis is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dutyd.act.guard import GuardedProvider
from dutyd.act.pacing import SharedPace
from dutyd.core.breaker import Breaker
from dutyd.core.tool import NotSentError
from dutyd.ledger import Ledger, open_ledger
from dutyd.ledger.connect import connect_async
from dutyd_tools.providers.backoffice import connect
from support.broker import free_port

SLOW = 0.1  # a minute: the next is due in ten minutes, however slow this machine is


@asynccontextmanager
async def process(url: str, installation: str) -> AsyncIterator[Ledger]:
    """One more process of *installation*."""
    client = connect_async(url)
    yield open_ledger(client, installation)
    await client.aclose()


async def test_what_one_process_took_the_others_wait_for(valkey_url: str, unique: str) -> None:
    async with process(valkey_url, unique) as one, process(valkey_url, unique) as another:
        assert await SharedPace("a", SLOW, one.paces).wait() == 0.0
        assert 590 < await SharedPace("a", SLOW, another.paces).wait() <= 600
        assert await SharedPace("b", SLOW, another.paces).wait() == 0.0


async def test_as_many_may_come_at_once_as_ten_seconds_hold_and_what_waits_takes_nothing(
    valkey_url: str, unique: str
) -> None:
    async with process(valkey_url, unique) as ledger:
        paces = ledger.paces
        assert [await paces.wait("a", SLOW, 3.0) for _ in range(3)] == [0.0, 0.0, 0.0]
        first, second = [await paces.wait("a", SLOW, 3.0) for _ in range(2)]
        assert 590 < second <= first <= 600


async def test_what_was_not_used_for_a_while_comes_back(valkey_url: str, unique: str) -> None:
    async with process(valkey_url, unique) as ledger:
        await ledger.paces.wait("a", SLOW, 1.0)
        key = ledger.scripts.key("pace", "a")
        owed = float(await ledger.scripts.client.get(key) or 0)
        await ledger.scripts.client.set(key, owed - 600_000)  # as ten minutes later
        assert await ledger.paces.wait("a", SLOW, 1.0) == 0.0


async def test_while_redis_is_away_each_process_keeps_the_pace_by_itself(unique: str) -> None:
    async with process(f"redis://127.0.0.1:{free_port()}/0", unique) as ledger:
        now = 0.0
        pace = SharedPace("a", 6.0, ledger.paces, clock=lambda: now)
        assert await pace.wait() == 0.0
        assert await pace.wait() == pytest.approx(10.0)
        now = 10.0
        assert await pace.wait() == 0.0


async def test_a_pace_that_holds_back_the_one_that_was_to_try_leaves_the_try_to_another(
    valkey_url: str, unique: str
) -> None:
    async with process(valkey_url, unique) as ledger:
        pace, now = SharedPace("a", SLOW, ledger.paces), 0.0
        provider = connect({"url": f"http://127.0.0.1:{free_port()}"})
        guarded = GuardedProvider("ticketing", provider, pace, Breaker(lambda: 1.0), clock=lambda: now)
        guarded.breaker.failed(now, at_once=5.0)
        assert await pace.wait() == 0.0
        now = 5.0
        with pytest.raises(NotSentError, match="its pace is"):
            await guarded.lookup("ticket", "k")
        await ledger.scripts.client.delete(ledger.scripts.key("pace", "a"))
        with pytest.raises(NotSentError, match="no connection"):
            await guarded.lookup("ticket", "k")
        await guarded.close()
