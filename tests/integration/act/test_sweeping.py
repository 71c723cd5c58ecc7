"""The sweeper on a real ledger and a real back office: what was doubled or taken away by hand is counted and told."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from dutyd.act.guard import GuardedProvider
from dutyd.act.sweep import IDLE_SECONDS, LEASE_SECONDS, OLDEST_SECONDS, Sweeper, Turn
from dutyd.core.incident import Settled, provider_key
from dutyd.core.policy import Policy
from dutyd.core.tool import NotSentError, Provider
from dutyd.ledger.scripts import ms
from dutyd.ledger.sweeps import Look
from dutyd.ops.notices import Notices
from dutyd.ops.standing import Lookout
from dutyd_tools.providers import backoffice, webhook
from support.acting import Office, office, running
from support.program import Program
from support.rule_files import acting_rule

RULES = acting_rule("""
      ticket: {tool: create_ticket, with: {project: OPS, kind: incident, title: "{{ service }}", body: fails}}
""")
RATE = 6000.0


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES) as opened:
        yield opened


@pytest.fixture
def program(
    tmp_path: Path, valkey_url: str, unique: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Program:
    """The command line, on the same ledger."""
    (tmp_path / "dutyd.yaml").write_text(f"installation: {unique}\nredis: {valkey_url}\n")
    return Program(tmp_path, capsys, monkeypatch)


def provider_of(desk: Office, **settings: Any) -> Provider:
    return backoffice.connect({"url": desk.url, "class": "B", "timeout": 1.0, **settings})


async def done(desk: Office, *services: str, provider: Provider | None = None) -> Sweeper:
    """Have a ticket made for each of *services*; return a sweeper on the same system."""
    worker = desk.worker(provider=provider or provider_of(desk))
    for number, service in enumerate(services):
        desk.open_(desk.trigger("errors", {"service": service, "error_count": 12}, {"service": service}, number))
    async with running(worker):
        await desk.settled(len(services))
    return Sweeper(worker.means, RATE, grace=-1.0)


async def key_of(desk: Office, service: str) -> str:
    (row,) = [row for row in await desk.ledger.queries.effects() if row["args"]["title"] == service]
    return str(row["key"])


async def swept(desk: Office, sweeper: Sweeper) -> None:
    """Sweep until nothing is left to be looked at."""

    async def left() -> int:
        await sweeper.turn()
        return int(await desk.ledger.scripts.read("zcard", desk.ledger.scripts.key("unswept")))

    await desk.until(left, 0)


def counted(kind: str, provider: str = "ticketing") -> float:
    return REGISTRY.get_sample_value("dutyd_breaches_total", {"provider": provider, "kind": kind}) or 0.0


def let_go(provider: str = "ticketing") -> float:
    return REGISTRY.get_sample_value("dutyd_let_go_total", {"provider": provider}) or 0.0


async def looks(desk: Office) -> dict[str, str]:
    """Return what became of the look at each ticket, by its title."""
    return {row["args"]["title"]: row["look"] for row in await desk.ledger.queries.effects()}


async def break_by_hand(desk: Office, tmp_path: Path) -> None:
    """Double the ticket of one service and delete that of another, behind dutyd's back."""
    again = {"Idempotency-Key": provider_key(await key_of(desk, "double")), "X-Provider-Class": "B"}
    ticket = {"project": "OPS", "kind": "incident", "title": "double", "body": "fails"}
    (await desk.http.post(f"{desk.url}/tickets", json=ticket, headers=again)).raise_for_status()
    with sqlite3.connect(tmp_path / "backoffice.db", timeout=10) as connection:
        gone = provider_key(await key_of(desk, "gone"))
        assert connection.execute("DELETE FROM entries WHERE key = ?", (gone,)).rowcount == 1
    connection.close()


async def test_what_is_there_once_is_fine_and_what_is_not_is_a_breach(
    desk: Office, tmp_path: Path, unique: str, program: Program
) -> None:
    before = {kind: counted(kind) for kind in ("missing", "double")}
    sweeper = await done(desk, "fine", "double", "gone")
    await break_by_hand(desk, tmp_path)
    await swept(desk, sweeper)
    await swept(desk, sweeper)  # each is looked at once
    assert {kind: counted(kind) - before[kind] for kind in before} == {"missing": 1, "double": 1}
    found = {row["args"]["title"]: row["breach"] for row in await desk.ledger.queries.effects()}
    assert found["fine"] == ""
    assert await looks(desk) == {"fine": "fine", "double": "double", "gone": "missing"}
    assert found["double"].startswith("double: it is there 2 times, T-")
    assert found["gone"].startswith("missing: T-")
    notices = Notices(desk.ledger.standings, unique)
    await Lookout(desk.ledger.standings, Policy(), notices).look()
    told = await desk.ledger.scripts.read("zrange", desk.ledger.scripts.key("told"), 0, -1)
    assert {f"breach:{await key_of(desk, name)}".encode() for name in ("double", "gone")} <= set(told)
    listed = await asyncio.to_thread(program, "effects", "list", "--breaches", "--json")
    assert {row["args"]["title"] for row in json.loads(listed.out)} == {"double", "gone"}
    shown = (await asyncio.to_thread(program, "effects", "list", "--breaches")).out
    assert f"look for {provider_key(await key_of(desk, 'gone'))} in its system" in shown


async def test_nothing_is_judged_before_its_system_must_know(desk: Office, tmp_path: Path) -> None:
    sweeper = await done(desk, "double", "gone", provider=provider_of(desk, settle=60))
    await break_by_hand(desk, tmp_path)
    assert [await sweeper.turn() for _ in range(3)] == [Turn.PASSED, Turn.PASSED, Turn.IDLE]
    assert [row["breach"] for row in await desk.ledger.queries.effects()] == ["", ""]
    assert await desk.ledger.scripts.read("zcard", desk.ledger.scripts.key("unswept")) == 2


async def test_a_system_that_does_not_answer_is_asked_again_and_misses_nothing(desk: Office) -> None:
    sweeper = await done(desk, "fine")
    await desk.fault(path="/effects", method="GET", do="fail", status=503)
    await desk.fault(path="/effects", method="GET", do="stall", seconds=0)  # it answers: that it is used up tells of it
    before = counted("missing")
    assert await sweeper.turn() is Turn.ASKED
    assert [fault["do"] for fault in await desk.listed("/faults")] == ["stall"]
    scripts = desk.ledger.scripts
    ((name, due),) = await scripts.read("zrange", scripts.key("unswept"), 0, -1, False, True)
    await scripts.client.zadd(scripts.key("unswept"), {name: due - ms(120)})  # two minutes later
    await swept(desk, sweeper)
    assert await desk.listed("/faults") == []
    assert counted("missing") == before


async def test_a_system_whose_look_ups_fail_is_not_left_alone_for_that(desk: Office) -> None:
    guarded = GuardedProvider("ticketing", provider_of(desk))
    sweeper = await done(desk, *(f"s{number}" for number in range(20)), provider=guarded)
    await desk.fault(path="/effects", method="GET", do="fail", status=503, times=20)
    assert [await sweeper.turn() for _ in range(21)] == [*[Turn.ASKED] * 20, Turn.IDLE]
    assert await desk.listed("/faults") == []  # each was asked about, and had no answer
    assert not guarded.breaker.is_open


async def test_the_one_try_of_a_system_that_was_down_is_left_to_effects(desk: Office) -> None:
    provider = GuardedProvider("ticketing", provider_of(desk))
    now = provider.clock()
    provider.breaker.failed(now, at_once=0.0)
    assert provider.breaker.is_open
    with pytest.raises(NotSentError, match="left alone"):
        await provider.peek("ticket", "dutyd-1")
    assert provider.breaker.wait(now) == 0  # nobody has taken it
    await provider.close()


async def test_an_effect_that_could_not_be_asked_about_for_a_day_is_let_go_counted_and_shown(
    desk: Office, tmp_path: Path, program: Program
) -> None:
    before = let_go()
    sweeper = await done(desk, "double", "gone", "fine")
    await break_by_hand(desk, tmp_path)
    for service in ("double", "gone"):
        name = desk.ledger.scripts.key("effect", await key_of(desk, service))
        await desk.ledger.scripts.client.hincrby(name, "ended", -ms(OLDEST_SECONDS + 60))
    await swept(desk, sweeper)
    assert await looks(desk) == {"double": "let go", "gone": "let go", "fine": "fine"}
    assert let_go() - before == 2
    listed = await asyncio.to_thread(program, "effects", "list", "--let-go", "--json")
    assert {row["args"]["title"] for row in json.loads(listed.out)} == {"double", "gone"}


async def test_of_all_workers_one_sweeps(desk: Office, tmp_path: Path) -> None:
    first = await done(desk, "double", "gone")
    second = Sweeper(first.means, RATE, grace=-1.0)
    await break_by_hand(desk, tmp_path)
    sweeps = desk.ledger.sweeps
    taken = await sweeps.take("another", 10.0)
    assert taken is not None
    assert [await sweeper.turn() for sweeper in (first, second)] == [Turn.IDLE, Turn.IDLE]
    assert [row["breach"] for row in await desk.ledger.queries.effects()] == ["", ""]
    assert not await sweeps.note("a zombie", taken.effect.key, Look.MISSING, "?")
    assert await sweeps.note("another", taken.effect.key, Look.FINE)
    await sweeps.release("a zombie")
    assert await sweeps.take("a third", 10.0) is None
    await sweeps.release("another")
    assert await sweeps.take("a third", 10.0) is not None


async def test_a_slow_sweep_keeps_its_pace_and_its_lease_between_two_looks(desk: Office) -> None:
    sweeper, stop, scripts = await done(desk, "a", "b", "c"), asyncio.Event(), desk.ledger.scripts
    waits: list[float] = []

    async def wait(stopping: asyncio.Event, seconds: float) -> None:
        waits.append(seconds)
        assert await scripts.read("pttl", scripts.key("sweeper")) > ms(seconds + LEASE_SECONDS - 20)
        if len(waits) == 4:
            stopping.set()

    slow = replace(sweeper, per_minute=0.5, clock=lambda: 0.0, wait=wait)
    await slow.run(stop)
    assert waits == [120.0, 120.0, 120.0, IDLE_SECONDS]
    assert set((await looks(desk)).values()) == {"fine"}
    assert await scripts.read("exists", scripts.key("sweeper")) == 0  # another may sweep at once


async def test_who_can_t_be_asked_is_not_swept(desk: Office) -> None:
    settings = {"url": f"{desk.url}/tickets", "id": "{{ id }}", "body": {name: f"{{{{ {name} }}}}" for name in FIELDS}}
    sweeper = await done(desk, "fine", provider=webhook.connect(settings))
    await swept(desk, sweeper)
    assert await looks(desk) == {"fine": "unsearchable"}


async def test_what_a_person_has_settled_is_not_looked_at_again(desk: Office) -> None:
    await desk.fault(path="/tickets", do="cut")
    silent = {"url": desk.url, "class": "C", "timeout": 1.0}
    await done(desk, "gone", provider=backoffice.connect(silent))
    key = await key_of(desk, "gone")
    await desk.ledger.decisions.settle(key, Settled.DONE, "ana", "made by hand", "T-99")
    assert await desk.ledger.scripts.read("zcard", desk.ledger.scripts.key("unswept")) == 0


FIELDS = ("project", "kind", "title", "body")
