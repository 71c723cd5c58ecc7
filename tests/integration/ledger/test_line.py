"""Many questions over one line to a real server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from redis.exceptions import RedisError, ResponseError

from dutyd.core.errors import NotReadyError
from dutyd.ledger import scripts
from dutyd.ledger.connect import connect_async
from dutyd.ledger.line import Line
from dutyd.ledger.scripts import Scripts


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator["redis.asyncio.Redis"]:
    made = connect_async(valkey_url)
    yield made
    await made.aclose()


async def trips(client: "redis.asyncio.Redis") -> int:
    """How often the server read from a client so far, this question included."""
    return int((await client.info("stats"))["total_reads_processed"])


async def test_what_is_asked_in_one_moment_is_one_trip_and_answered_in_order(
    client: "redis.asyncio.Redis", unique: str
) -> None:
    line = Line(client)
    await line.ask("set", unique, 0)
    before = await trips(client)
    answers = await asyncio.gather(*(line.ask("incr", unique) for _ in range(50)))
    assert (answers, await trips(client) - before) == (list(range(1, 51)), 2)


async def test_who_asks_while_an_answer_is_on_its_way_is_answered_by_the_next_trip(
    client: "redis.asyncio.Redis", unique: str
) -> None:
    line = Line(client)
    first = line.ask("incr", unique)
    await asyncio.sleep(0)  # it leaves
    assert list(await asyncio.gather(first, *(line.ask("incr", unique) for _ in "23"))) == [1, 2, 3]


async def test_a_command_that_is_refused_or_given_up_takes_no_other_with_it(
    client: "redis.asyncio.Redis", unique: str
) -> None:
    line = Line(client)
    await line.ask("set", unique, "text")
    refused, given_up, good = line.ask("incr", unique), line.ask("get", unique), line.ask("get", unique)
    given_up.cancel()
    with pytest.raises(UnicodeEncodeError):
        line.ask("get", "\ud800")
    with pytest.raises(ResponseError):
        await refused
    assert await good == b"text"


async def test_a_line_that_is_cut_fails_each_that_waits_and_the_next_goes_over_a_new_one(
    client: "redis.asyncio.Redis", unique: str
) -> None:
    line = Line(client)
    waiting = [line.ask("blpop", f"{unique}:none", 0), line.ask("get", unique)]
    other = await redis.asyncio.Redis.from_pool(client.connection_pool).client_list()
    while not (blocked := [each for each in other if each["cmd"] == "blpop"]):
        other = await client.client_list()
    await client.client_kill_filter(_id=blocked[0]["id"])
    assert all(isinstance(each, RedisError) for each in await asyncio.gather(*waiting, return_exceptions=True))
    assert await line.ask("ping") is True


async def test_scripts_that_the_server_forgot_are_loaded_again_and_run_in_order(
    client: "redis.asyncio.Redis", unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "return redis.call('APPEND', ARGV[1], ARGV[2])"
    monkeypatch.setattr(scripts, "_source", lambda _: source)
    ours = Scripts(client, unique)
    for number in "12":
        await client.script_flush()
        await ours.run("any", number)
    await client.script_flush()
    assert await ours.run_many("any", [("3",), ("4",)]) == [3, 4]
    assert await ours.read("get", unique) == b"1234"


async def test_an_outage_is_the_worlds_business(unique: str) -> None:
    ours = Scripts(connect_async("redis://127.0.0.1:1"), unique)
    with pytest.raises(NotReadyError):
        await ours.run_many("accept", [("a",), ("b",)])
    with pytest.raises(NotReadyError):
        await ours.read("get", unique)
