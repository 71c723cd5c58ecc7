"""The dead man's switch, called over real HTTP by a real evaluator on a Valkey that is stopped and started."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx2
import pytest
import redis
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dutyd.app.health import Health
from dutyd.embedded.loopback import Loopback
from dutyd.evaluate.path import Evaluator
from dutyd.ops.heartbeat import Heartbeat
from dutyd.stream.redis import RedisStream
from support.evaluating import Path
from support.valkey_server import ValkeyServer

EVERY = 0.3


class Receiver:
    """Takes heartbeats, or refuses them."""

    def __init__(self) -> None:
        self.taken = 0
        self.status = 200
        self.app = Starlette(routes=[Route("/beat/secret-place", self._take)])

    def _take(self, _: Request) -> Response:
        self.taken += 1
        return Response(status_code=self.status)

    async def more(self, than: int, seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while self.taken <= than:
                await asyncio.sleep(0.02)

    async def silent(self) -> None:
        """Wait until three beats in a row did not come."""
        deadline, before = time.monotonic() + 30.0, -1
        while before != self.taken:
            assert time.monotonic() < deadline, "it does not stop"
            before = self.taken
            await asyncio.sleep(3 * EVERY)


@asynccontextmanager
async def beating(url: str, health: Health) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(Heartbeat(url, EVERY, health.standstill).run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    yield server
    server.remove()


@contextmanager
def running(evaluator: Evaluator) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=evaluator.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def test_it_stops_with_redis_and_with_the_evaluator_and_goes_on_with_them(
    server: ValkeyServer, unique: str
) -> None:
    receiver, client = Receiver(), redis.Redis.from_url(server.url, socket_timeout=1, socket_connect_timeout=1)
    path = Path(RedisStream(client), client, unique, 1)
    evaluator, second = path.evaluator(), path.evaluator()
    health = Health(client, evaluator=evaluator)
    with Loopback(receiver.app) as http:
        async with beating(f"{http.url}/beat/secret-place", health):
            await asyncio.sleep(3 * EVERY)
            assert receiver.taken == 0, "nothing has moved yet"
            with running(evaluator):
                await receiver.more(1)
                with running(second):
                    await stands_by_and_moves(Health(client, evaluator=second))
                server.stop()
                await receiver.silent()
                assert health.ready()["redis"]() != ""
                before = receiver.taken
                server.start()
                await receiver.more(before)
                assert health.ready()["redis"]() == ""
            await receiver.silent()
    client.close()


async def stands_by_and_moves(health: Health) -> None:
    """Wait until a second evaluator, which has no partition, moves, and see that it goes on moving."""
    async with asyncio.timeout(30):
        while health.standstill():
            await asyncio.sleep(0.05)
    await asyncio.sleep(3 * EVERY)
    assert health.standstill() == ""
    assert health.evaluator is not None
    assert not health.evaluator.status.decided


async def test_a_receiver_that_is_away_or_refuses_is_said_once_and_never_by_its_address() -> None:
    beat, receiver = Heartbeat("http://127.0.0.1:1/beat/secret-place", 60.0, lambda: ""), Receiver()
    receiver.status = 503
    with structlog.testing.capture_logs() as said, Loopback(receiver.app) as http:
        async with httpx2.AsyncClient() as client:
            await beat.beat(client)
            await beat.beat(client)
            beat.url = f"{http.url}/beat/secret-place"
            await beat.beat(client)
            receiver.status = 200
            await beat.beat(client)
            await beat.beat(client)
    assert [line["event"] for line in said] == [
        "the heartbeat failed",
        "the heartbeat failed",
        "the heartbeat goes out again",
    ]
    assert "can't be reached" in said[0]["why"]
    assert "answered 503" in said[1]["why"]
    assert "secret-place" not in str(said)
