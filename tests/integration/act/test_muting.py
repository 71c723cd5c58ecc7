"""What mutes an incident, and that it goes on afterwards: silences, inhibition, storms, on a real ledger."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from dutyd.core.incident import Trigger, TriggerKind
from dutyd.core.mute import Silence
from support.acting import Office, office, running

RULES = """
language: 1
rules:
  - id: host-down
    from: metrics
    per: [host]
    when: up == 0
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ summary }}"}}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}}
  - id: disk-slow
    from: metrics
    per: [host, disk]
    when: write_seconds > 0.5
    inhibit: {by: [host-down], equal: [host], group_wait: GROUP_WAIT}
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: warning, summary: "{{ disk }} of {{ host }}"}}
"""
HOUR = 3600.0
NOW = 1_780_000_000.0


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES.replace("GROUP_WAIT", "0s")) as opened:
        yield opened


def down(desk: Office, host: str, number: int = 1) -> Trigger:
    return desk.trigger("host-down", {"host": host, "up": 0}, {"host": host}, number)


def slow(desk: Office, host: str) -> Trigger:
    return desk.trigger("disk-slow", {"host": host, "disk": "sda", "write_seconds": 1}, {"host": host, "disk": "sda"})


async def states(desk: Office) -> dict[str, str]:
    return {row["entity"]["host"]: row["state"] for row in await desk.ledger.queries.incidents()}


async def test_a_silence_mutes_what_it_covers_and_nothing_else_until_somebody_ends_it(desk: Office) -> None:
    silence = Silence(
        id="s1", who="ana", because="new disks", begins=NOW - 1, ends=NOW + HOUR, rule="host-down", entity={"host": "a"}
    )
    await desk.ledger.silences.add(silence)
    desk.open_(down(desk, "a"))
    desk.open_(down(desk, "b"))
    worker = desk.worker()
    async with running(replace(worker, means=replace(worker.means, now=lambda: NOW))):
        await desk.until(lambda: states(desk), {"a": "MUTED", "b": "ACTIVE"})
        shown = await desk.ledger.queries.whole(down(desk, "a").incident)
        assert (shown["waits_for"], shown["muted"]) == ("muted", "silenced by ana: new disks")
        assert await desk.ledger.silences.end("s1", "bob", "done") == 1
        await desk.until(lambda: states(desk), {"a": "ACTIVE", "b": "ACTIVE"})
        await desk.settled(2)
    assert len(await desk.listed("/alerts")) == 2


async def test_what_clears_while_it_is_muted_is_never_acted_on(desk: Office) -> None:
    await desk.ledger.silences.add(Silence(id="s1", who="a", because="b", begins=NOW, ends=NOW + HOUR))
    desk.open_(down(desk, "a"))
    worker = desk.worker()
    async with running(replace(worker, means=replace(worker.means, now=lambda: NOW))):
        await desk.until(lambda: states(desk), {"a": "MUTED"})
        desk.clear(down(desk, "a"))
        await desk.until(lambda: states(desk), {"a": "CLOSED"})
    assert await desk.listed("/alerts") == []


async def test_what_was_done_before_a_round_was_muted_is_taken_back_when_it_clears(desk: Office) -> None:
    desk.open_(down(desk, "a"))
    worker = desk.worker()
    async with running(replace(worker, means=replace(worker.means, now=lambda: NOW))):
        await desk.settled(1)
        await desk.ledger.silences.add(Silence(id="s1", who="a", because="b", begins=NOW, ends=NOW + HOUR))
        desk.open_(msgspec.structs.replace(down(desk, "a"), kind=TriggerKind.CHANGED, round=2))
        await desk.until(lambda: states(desk), {"a": "MUTED"})
        desk.clear(down(desk, "a"))
        await desk.until(lambda: states(desk), {"a": "CLOSED"})
    assert [alert["status"] for alert in await desk.listed("/alerts")] == ["resolved"]


async def test_an_incident_that_another_explains_waits_until_the_other_is_closed(desk: Office) -> None:
    desk.open_(down(desk, "a"))
    async with running(desk.worker()):
        await desk.settled(1)
        desk.open_(slow(desk, "a"))
        desk.open_(slow(desk, "b"))
        await desk.until(lambda: muted(desk), {("disk-slow", "a")})
        await desk.settled(3)
        assert len(await desk.listed("/alerts")) == 2
        desk.clear(down(desk, "a"))
        await desk.until(lambda: muted(desk), set())
        await desk.settled(3)
    assert len(await desk.listed("/alerts")) == 3


async def muted(desk: Office) -> set[tuple[str, str]]:
    rows = await desk.ledger.queries.incidents()
    return {(row["rule"], row["entity"]["host"]) for row in rows if row["state"] == "MUTED"}


async def test_an_opening_waits_for_what_may_explain_it(valkey_url: str, unique: str, tmp_path: Path) -> None:
    async with office(valkey_url, unique, tmp_path, RULES.replace("GROUP_WAIT", "1s")) as desk:
        desk.open_(slow(desk, "a"))
        desk.open_(down(desk, "a"))
        async with running(desk.worker()):
            await desk.until(lambda: why_muted(desk), "inhibited by host-down")
        (alert,) = await desk.listed("/alerts")
        assert alert["severity"] == "critical"


async def why_muted(desk: Office) -> str:
    rows = [row for row in await desk.ledger.queries.incidents() if row["rule"] == "disk-slow"]
    return str((await desk.ledger.queries.whole(rows[0]["id"]))["muted"]) if rows else ""


async def test_a_storm_pages_twenty_times_then_once_for_all_and_clears_with_the_last(desk: Office) -> None:
    hosts = [f"h{number:02}" for number in range(30)]
    for host in hosts:
        desk.open_(down(desk, host))
    async with running(desk.worker()):
        await desk.until(lambda: pages(desk), 21)
        await desk.settled(31)
        (told,) = [row for row in await desk.listed("/alerts") if " at once" in row["summary"]]
        assert told["summary"] == f"10 incidents of host-down at once: {', '.join(hosts[20:])}"
        for host in hosts:
            desk.clear(down(desk, host))
        await desk.until(lambda: resolved(desk), 21)
        await desk.settled(31)
    assert {row["state"] for row in await desk.ledger.queries.incidents()} == {"CLOSED"}
    assert await pages(desk) == 21


async def test_a_storm_of_what_is_silenced_pages_nobody_before_the_silence_ends(desk: Office) -> None:
    await desk.ledger.silences.add(Silence(id="s1", who="a", because="b", begins=NOW, ends=NOW + HOUR))
    for number in range(22):
        desk.open_(down(desk, f"h{number}"))
    worker = desk.worker()
    async with running(replace(worker, means=replace(worker.means, now=lambda: NOW))):
        await desk.until(lambda: storm_state(desk), "MUTED")
        assert await pages(desk) == 0
        await desk.ledger.silences.end("s1", "bob", "done")
        await desk.until(lambda: pages(desk), 21)


async def storm_state(desk: Office) -> str:
    rows = await desk.ledger.queries.incidents()
    return next((str(row["state"]) for row in rows if row["kind"] == "storm"), "")


async def pages(desk: Office) -> int:
    return len(await desk.listed("/alerts"))


async def resolved(desk: Office) -> int:
    return len(await desk.listed("/alert-resolutions"))


async def test_without_grouping_every_opening_pages(valkey_url: str, unique: str, tmp_path: Path) -> None:
    rules = RULES.replace("GROUP_WAIT", "0s").replace("when: up == 0", "when: up == 0\n    group: off")
    async with office(valkey_url, unique, tmp_path, rules) as desk:
        for number in range(25):
            desk.open_(down(desk, f"h{number}"))
        async with running(desk.worker()):
            await desk.until(lambda: pages(desk), 25)
            await desk.settled(25)
        assert await pages(desk) == 25


async def test_a_silence_of_the_rule_files_mutes_by_the_clock(valkey_url: str, unique: str, tmp_path: Path) -> None:
    rules = RULES.replace("GROUP_WAIT", "0s") + (
        "silences:\n"
        "  - {id: nightly, rule: host-down, match: {host: a}, at: '0 22 * * *', lasts: 8h, because: copies}\n"
    )
    async with office(valkey_url, unique, tmp_path, rules) as desk:
        desk.open_(down(desk, "a"))
        desk.open_(down(desk, "b"))
        worker = desk.worker()
        async with running(replace(worker, means=replace(worker.means, now=lambda: 23 * HOUR))):
            await desk.until(lambda: states(desk), {"a": "MUTED", "b": "ACTIVE"})
        shown = await desk.ledger.queries.whole(down(desk, "a").incident)
        assert shown["muted"] == "silenced by the rule files (nightly): copies"


ORDERS = """
language: 1
rules:
  - id: supplier-down
    from: stock
    per: [supplier]
    when: up == 0
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ summary }}"}}
  - id: low-stock
    from: stock
    per: [supplier, sku]
    when: inventory_level + on_order < 5
    inhibit: {by: [supplier-down], equal: [supplier], group_wait: 0s}
    again: {every: 1h}
    mode: act
    steps:
      order: {tool: draft_purchase_order, with: {sku: "{{ sku }}", supplier: "{{ supplier }}", quantity: 5}}
    on_clear:
      tell: {tool: notify, with: {to: buyers, subject: "{{ sku }} is back", text: x}}
"""


WRITTEN = """
silences:
  - {id: yearly, rule: low-stock, match: {supplier: acme}, at: "AT", lasts: 1h, because: counting}
"""


def real() -> float:
    return time.time()  # noqa: TID251  # as brokers date records


@pytest.fixture
async def stock(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, ORDERS) as opened:
        yield opened


def low(stock: Office, supplier: str) -> Trigger:
    fields = {"supplier": supplier, "sku": "bolt", "inventory_level": 1, "on_order": 0}
    return stock.trigger("low-stock", fields, {"supplier": supplier, "sku": "bolt"})


async def ordered(stock: Office) -> list[str]:
    return [order["supplier"] for order in await stock.listed("/purchase-orders")]


async def low_states(stock: Office) -> set[str]:
    return {row["state"] for row in await stock.ledger.queries.incidents() if row["rule"] == "low-stock"}


async def test_an_order_that_is_silenced_is_not_made_because_a_worker_comes_only_after_the_clear(stock: Office) -> None:
    silence = Silence(id="s1", who="a", because="b", begins=NOW, ends=NOW + HOUR, entity={"supplier": "acme"})
    await stock.ledger.silences.add(silence)
    for supplier in ("acme", "bolts"):
        stock.open_(low(stock, supplier))
        stock.clear(low(stock, supplier))
    worker = stock.worker()
    async with running(replace(worker, means=replace(worker.means, now=lambda: NOW))):
        await stock.until(lambda: low_states(stock), {"CLOSED"})
    assert await ordered(stock) == ["bolts"]
    assert [each["subject"] for each in await stock.listed("/messages")] == ["bolt is back"]


async def test_an_order_that_another_incident_holds_back_is_not_made_because_a_worker_comes_only_after_the_clear(
    stock: Office,
) -> None:
    stock.open_(stock.trigger("supplier-down", {"supplier": "acme", "up": 0}, {"supplier": "acme"}))
    for supplier in ("acme", "bolts"):
        stock.open_(low(stock, supplier))
        stock.clear(low(stock, supplier))
    async with running(stock.worker()):
        await stock.until(lambda: low_states(stock), {"CLOSED"})
    assert await ordered(stock) == ["bolts"]


@pytest.mark.parametrize("by", ["its end", "a person", "the rule files"])
async def test_an_order_is_not_made_because_the_silence_that_it_cleared_in_is_over_when_a_worker_comes(
    stock: Office, by: str
) -> None:
    if by == "the rule files":
        begins = datetime.fromtimestamp(real() - 60, UTC)
        stock.book.edit(ORDERS + WRITTEN.replace("AT", f"{begins:%-M %-H %-d %-m} *"))
    else:
        silence = Silence(
            id="s1", who="a", because="b", begins=real() - 1, ends=real() + HOUR, entity={"supplier": "acme"}
        )
        await stock.ledger.silences.add(silence)
    for supplier in ("acme", "bolts"):
        stock.open_(low(stock, supplier))
        stock.clear(low(stock, supplier))
    await asyncio.sleep(0.01)  # records are dated in milliseconds
    if by == "a person":
        await stock.ledger.silences.end("s1", "bob", "done")
    worker, later = stock.worker(), 0.0 if by == "a person" else 8 * 24 * HOUR
    async with running(replace(worker, means=replace(worker.means, now=lambda: real() + later))):
        await stock.until(lambda: low_states(stock), {"CLOSED"})
    assert await ordered(stock) == ["bolts"]


async def test_an_order_is_made_though_a_silence_began_and_ended_after_the_clear(stock: Office) -> None:
    stock.open_(low(stock, "acme"))
    stock.clear(low(stock, "acme"))
    await stock.ledger.silences.add(Silence(id="s1", who="a", because="b", begins=real() + 1, ends=real() + HOUR))
    worker = stock.worker()
    async with running(replace(worker, means=replace(worker.means, now=lambda: real() + 2 * HOUR))):
        await stock.until(lambda: low_states(stock), {"CLOSED"})
    assert await ordered(stock) == ["acme"]


async def test_an_order_is_not_made_because_what_explained_it_until_it_cleared_is_over_when_a_worker_comes(
    stock: Office,
) -> None:
    supplier = stock.trigger("supplier-down", {"supplier": "acme", "up": 0}, {"supplier": "acme"})
    acceptor, held = stock.worker().acceptor, low(stock, "acme")
    stock.open_(supplier)
    stock.open_(held)
    stock.clear(held)
    await asyncio.sleep(0.01)  # records are dated in milliseconds
    stock.clear(supplier)
    while await low_states(stock) != {"CLEARING"}:
        await acceptor.turn()
    await asyncio.to_thread(acceptor.consumer.close)
    await due_in(stock, held, 3600)
    async with running(stock.worker()):
        await stock.until(lambda: state_of(stock, supplier), "CLOSED")
        await due_in(stock, held, 0)
        await stock.until(lambda: state_of(stock, held), "CLOSED")
    assert await ordered(stock) == []


async def due_in(desk: Office, trigger: Trigger, seconds: int) -> None:
    scripts = desk.ledger.scripts
    at = ((await scripts.client.time())[0] + seconds) * 1000
    for name in (scripts.key("due"), scripts.key("due", trigger.rule)):
        await scripts.client.zadd(name, {trigger.incident: at})


async def state_of(desk: Office, trigger: Trigger) -> str:
    return str((await desk.ledger.queries.whole(trigger.incident))["state"])


async def test_the_order_of_a_round_that_is_silenced_is_not_made_after_the_clear_and_the_first_one_stands(
    stock: Office,
) -> None:
    opening = low(stock, "acme")
    stock.open_(opening)
    async with running(stock.worker()):
        await stock.settled(1)
    await stock.ledger.silences.add(Silence(id="s1", who="a", because="b", begins=NOW, ends=NOW + HOUR))
    stock.open_(msgspec.structs.replace(opening, kind=TriggerKind.CHANGED, round=2))
    stock.clear(msgspec.structs.replace(opening, round=2))
    worker = stock.worker()
    async with running(replace(worker, means=replace(worker.means, now=lambda: NOW))):
        await stock.until(lambda: low_states(stock), {"CLOSED"})
    assert await ordered(stock) == ["acme"]


async def test_an_order_that_is_paused_when_its_incident_clears_is_made_once_it_is_resumed(stock: Office) -> None:
    await stock.ledger.decisions.pause("rule:low-stock", "ana", "stock count")
    stock.open_(low(stock, "acme"))
    stock.clear(low(stock, "acme"))
    async with running(stock.worker()):
        await stock.until(stock.effects, {"order": "RESERVED"})
        await stock.settled(1)
        assert await ordered(stock) == []
        await stock.ledger.decisions.resume("rule:low-stock", "ana", "counted")
        await stock.until(lambda: low_states(stock), {"CLOSED"})
    assert await ordered(stock) == ["acme"]
