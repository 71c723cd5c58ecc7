"""Each protection, switched off, makes a case fail: so the tests notice, and the protection is needed."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha1
from pathlib import Path

import pytest
import redis

from dutyd.act.accept import Acceptor
from dutyd.act.lease import Lease
from dutyd.act.path import work
from dutyd.act.worker import Worker
from dutyd.core.errors import NotReadyError
from dutyd.evaluate import checkpoint
from dutyd.evaluate.saved import Decided, Write
from dutyd.ledger import scripts
from dutyd.ledger.claims import Waiting
from support.acting import Office, office
from support.broker import Broker
from support.crash.asked import OPENINGS, RULES, STOCK, WANTED
from support.crash.killed import publish
from support.crash.protections import FENCE, GUARD, OWNER, without
from support.daemon import Installation, installation
from support.valkey_server import ValkeyServer

TOPICS = {"metrics": {"partitioned_by": ["service"]}, "stock": {"partitioned_by": ["sku"]}}


@pytest.fixture
def one(tmp_path: Path, unique: str, valkey_url: str, real_broker: Broker) -> Iterator[Installation]:
    """An installation at class B with events to work."""
    rules, stream = RULES.replace("UNSURE", ""), f"kafka://{real_broker.address}"
    with installation(tmp_path, unique, rules, topics=TOPICS, redis=valkey_url, stream=stream) as made:
        publish(stream, f"{unique}.metrics", OPENINGS, "service")
        publish(stream, f"{unique}.stock", STOCK, "sku")
        yield made


def start(one: Installation, *off: str, at: str = "", do: str = "kill") -> "subprocess.Popen[bytes]":
    """Start the daemon with its death at *at*, and without the protection *off*."""
    plan = {"at": at, "do": do, "off": [each for each in off if each]}
    return one.mortal(plan, "run", "--settings", str(one.settings), "--until-idle", "1s")


def killed_then_restarted(one: Installation, at: str, off: str) -> None:
    assert start(one, off, at=at).wait(120) == -signal.SIGKILL, one.log()
    assert start(one, off).wait(120) == 0, one.log()


def frozen_past_its_lease(one: Installation, at: str, *off: str) -> None:
    """Stop a process at *at*, have another do all the work, let the first go on."""
    first = start(one, *off, at=at, do="stop")
    os.waitid(os.P_PID, first.pid, os.WSTOPPED)
    second = start(one, *off)
    assert second.wait(120) == 0, one.log()
    first.send_signal(signal.SIGCONT)
    time.sleep(3)
    first.kill()


def doubled(one: Installation) -> int:
    keys = [entry["key"] for entry in one.listed("/executions")]
    return len(keys) - len(set(keys))


def missing(one: Installation) -> int:
    return int(WANTED.total()) - len({entry["key"] for entry in one.listed("/executions")})


@pytest.mark.parametrize(("off", "doubles"), [("", 0), ("lookup", 1)])
def test_look_up_before_create_is_what_keeps_a_kill_after_the_answer_from_doubling(
    one: Installation, off: str, doubles: int
) -> None:
    killed_then_restarted(one, "answer -> record", off)
    assert (doubled(one) >= 1, missing(one)) == (doubles == 1, 0)


@pytest.mark.parametrize(("off", "loses"), [("", False), ("outbox", True)])
def test_the_outbox_is_what_keeps_a_kill_after_the_write_from_losing(one: Installation, off: str, loses: bool) -> None:
    killed_then_restarted(one, "write -> send", off)
    assert (missing(one) > 0, doubled(one)) == (loses, 0)


@pytest.mark.parametrize(("off", "doubles"), [(("lookup",), False), (("lookup", "lease check"), True)])
def test_the_lease_check_is_what_keeps_a_frozen_worker_from_sending_late_where_no_look_up_finds_anything(
    one: Installation, off: tuple[str, ...], doubles: bool
) -> None:
    frozen_past_its_lease(one, "SENDING -> look-up", *off)
    assert (doubled(one) > 0, missing(one)) == (doubles, 0)


async def accepted(desk: Office, acceptor: Acceptor, *services: str) -> None:
    """Have an incident of each of *services* accepted."""
    for number, name in enumerate(services):
        desk.open_(desk.trigger("errors", {"service": name, "error_count": 12}, {"service": name}, number))
    while len(await desk.ledger.queries.incidents()) < len(services):
        await acceptor.turn()


@pytest.mark.parametrize(("off", "due"), [(False, 1), (True, 0)])
async def test_fencing_is_what_keeps_a_worker_that_was_replaced_from_putting_the_incident_to_sleep(
    valkey_url: str, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, off: bool, due: int
) -> None:
    if off:
        monkeypatch.setattr(scripts, "_source", without(FENCE, scripts._source.__wrapped__))
    async with office(valkey_url, unique, tmp_path, RULES.replace("UNSURE", "")) as desk:
        acceptor = desk.worker().acceptor
        await accepted(desk, acceptor, "a")
        incidents = desk.ledger.incidents
        (zombie,) = await incidents.claim("w1", 0.2, 1)
        await asyncio.sleep(0.3)
        (_successor,) = await incidents.claim("w2", 0.5, 1)
        await incidents.rest(zombie, Waiting.NOTHING, None)
        await asyncio.sleep(0.6)  # the successor dies, too
        assert len(await incidents.claim("w3", 5.0, 1)) == due
        await asyncio.to_thread(acceptor.consumer.close)


@pytest.mark.parametrize(("off", "stands"), [(False, 9), (True, 5)])
def test_the_owners_token_is_what_keeps_an_evaluator_that_was_replaced_from_writing(
    valkey_url: str, unique: str, monkeypatch: pytest.MonkeyPatch, *, off: bool, stands: int
) -> None:
    if off:
        real = checkpoint._script.__wrapped__
        text = without(OWNER, lambda name: real(name)[1])("write")
        bare = sha1(text.encode()).hexdigest(), text
        monkeypatch.setattr(checkpoint, "_script", lambda name: bare if name == "write" else real(name))
    with redis.Redis.from_url(valkey_url) as client:
        written = checkpoint.Checkpoint(client, unique)
        (before, _), (after, _) = written.claim("3.0", "one"), written.claim("3.0", "two")
        for owner, offset in ((after, 9), (before, 5)):
            written.write([Write(owner, written.number(), {"stock": Decided(offset)}, {}, (), 0)])
        assert written.load("3.0").offsets == {"stock": Decided(stands)}


@pytest.mark.parametrize(("off", "known"), [(False, ["a", "b"]), (True, ["b"])])
async def test_the_guard_against_a_restarted_redis_is_what_keeps_openings_from_being_passed_over(
    valkey_url: str,
    forgetful: ValkeyServer,
    unique: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    off: bool,
    known: list[str],
) -> None:
    if off:
        monkeypatch.setattr(scripts, "_source", without(GUARD, scripts._source.__wrapped__))
    rules = RULES.replace("UNSURE", "")
    async with office(valkey_url, unique, tmp_path, rules, ledger_url=forgetful.url) as desk:
        clock = 0.0
        acceptor = replace(desk.worker().acceptor, clock=lambda: clock)
        await accepted(desk, acceptor, "a")
        await restart(desk, forgetful, forgetful.forget)
        desk.open_(desk.trigger("errors", {"service": "b", "error_count": 12}, {"service": "b"}))
        with contextlib.suppress(NotReadyError):  # the guard's word
            await acceptor.turn()  # before it is time to look whether this is still the same server
        clock = 10.0
        for _ in range(3):
            await acceptor.turn()
        assert sorted(row["entity"]["service"] for row in await desk.ledger.queries.incidents()) == known
        await asyncio.to_thread(acceptor.consumer.close)


@pytest.mark.parametrize(("off", "done"), [(False, 1), (True, 2)])
async def test_the_guard_against_a_restarted_redis_is_what_keeps_an_older_copy_from_being_worked(
    valkey_url: str,
    forgetful: ValkeyServer,
    unique: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    off: bool,
    done: int,
) -> None:
    if off:
        monkeypatch.setattr(scripts, "_source", without(GUARD, scripts._source.__wrapped__))
    rules = RULES.replace("UNSURE", "")
    async with office(valkey_url, unique, tmp_path, rules, ledger_url=forgetful.url, settings={"class": "C"}) as desk:
        worker = desk.worker()
        await accepted(desk, worker.acceptor, "a")
        copy = forgetful.copy()
        assert await worked(desk, worker) == 1
        await restart(desk, forgetful, lambda: forgetful.put_back(copy))
        await worked(desk, worker)
        assert len(await desk.listed("/alerts")) == done
        await asyncio.to_thread(worker.acceptor.consumer.close)


async def restart(desk: Office, server: ValkeyServer, lose: Callable[[], None]) -> None:
    """Have the ledger's server start again without some of its data."""
    server.stop()
    lose()
    server.start()
    await desk.ledger.scripts.client.connection_pool.disconnect()


async def worked(desk: Office, worker: Worker) -> int:
    """Claim and work what is due; return how much that was."""
    incidents = desk.ledger.incidents
    claims = await incidents.claim("w1", 5.0, 1)
    for claim in claims:
        await work(worker.means, claim, Lease(incidents, claim, 5.0, time.monotonic()))
    return len(claims)
