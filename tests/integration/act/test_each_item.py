"""Steps that are done once for each item of a list, on a real ledger."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dutyd.core.incident import Trigger
from dutyd.ledger.decisions import Decided
from support.acting import Office, office, running
from support.rule_files import acting_rule


def rack_down(steps: str) -> str:
    return acting_rule(steps, rule="rack-down", per="rack", when="up == 0")


RULES = rack_down("""
      page:
        each: "{{ hosts }}"
        tool: send_alert
        with: {severity: critical, summary: "{{ item }} in {{ rack }}"}
        if: item != "spare"
        approval_if: summary.startsWith("db")
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident, title: "{{ rack }}", body: "Paged: {{ steps.page.results }}"}
    on_clear:
      resolve: {each: "{{ steps.page.results }}", tool: resolve_alert, with: {alert: "{{ item.id }}"}}
""")


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES) as opened:
        yield opened


def down(desk: Office, hosts: object) -> Trigger:
    return desk.trigger("rack-down", {"rack": "r1", "hosts": hosts, "up": 0}, {"rack": "r1"})


async def effects(desk: Office) -> dict[str, str]:
    rows = await desk.ledger.queries.effects()
    return {row["key"].partition("/")[2]: row["state"] for row in rows}


async def summaries(desk: Office) -> list[str]:
    return sorted(row["summary"] for row in await desk.listed("/alerts"))


async def test_each_item_is_an_effect_of_its_own_done_once_and_taken_back_once(desk: Office) -> None:
    desk.open_(down(desk, ["web/1", "web 2", "web/1", "spare", 7]))
    async with running(desk.worker()):
        await desk.settled(1)
        assert await effects(desk) == {
            "page/i:web%2F1": "DONE",
            "page/i:web%202": "DONE",
            "page/i:7": "DONE",
            "ticket": "DONE",
        }
        assert await summaries(desk) == ["7 in r1", "web 2 in r1", "web/1 in r1"]
        (ticket,) = await desk.listed("/tickets")
        assert ticket["body"].count('"status": "firing"') == 3
        desk.clear(down(desk, []))
        await desk.until(lambda: resolved(desk), 3)
        await desk.settled(1)
    taken_back = [row["alert"] for row in await desk.listed("/alert-resolutions")]
    assert sorted(taken_back) == ["A-1", "A-2", "A-3"]
    assert {name: state for name, state in (await effects(desk)).items() if name.startswith("clear")} == {
        "clear/resolve/i:web%2F1": "DONE",
        "clear/resolve/i:web%202": "DONE",
        "clear/resolve/i:7": "DONE",
    }


async def test_an_item_waits_for_its_own_approval_and_what_needs_the_step_waits_for_all(desk: Office) -> None:
    desk.open_(down(desk, ["web", "db1", "db2"]))
    async with running(desk.worker()):
        await desk.settled(1)
        assert await effects(desk) == {
            "page/i:web": "DONE",
            "page/i:db1": "AWAITING_APPROVAL",
            "page/i:db2": "AWAITING_APPROVAL",
        }
    first, second = sorted(await desk.ledger.queries.approvals(), key=lambda row: str(row["key"]))
    assert await desk.ledger.decisions.approve(first["key"], first["hash"], "ana") is Decided.DONE
    async with running(desk.worker()):
        await desk.until(lambda: summaries(desk), ["db1 in r1", "web in r1"])
        assert await desk.ledger.decisions.deny(second["key"], second["hash"], "ana", "not now") is Decided.DONE
        await desk.settled(1)
        await desk.until(lambda: state_of(desk, "page/i:db2"), "REFUSED")
        desk.clear(down(desk, []))
        await desk.until(lambda: resolved(desk), 2)
        await desk.settled(1)
    assert await desk.listed("/tickets") == []


async def resolved(desk: Office) -> int:
    return len(await desk.listed("/alert-resolutions"))


async def state_of(desk: Office, key: str) -> str | None:
    return (await effects(desk)).get(key)


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        ("web", "each is no list: {{ hosts }}"),
        (None, "each is unknown: {{ hosts }}"),
        (["web", None], "each has an item that is unknown: {{ hosts }}"),
        ([f"h{number}" for number in range(101)], "each has 101 items, at most 100 are done: {{ hosts }}"),
    ],
)
async def test_a_list_that_can_not_be_done_whole_is_refused_whole(desk: Office, hosts: object, reason: str) -> None:
    desk.open_(down(desk, hosts))
    async with running(desk.worker()):
        await desk.settled(1)
    rows = [(row["step"], row["state"], row["reason"]) for row in await desk.ledger.queries.effects()]
    assert rows == [("page", "REFUSED", reason)]


async def test_what_fails_for_one_item_is_tried_again_for_that_item_alone(desk: Office) -> None:
    await desk.fault(path="/alerts", do="fail", status=500, times=1)
    desk.open_(down(desk, ["a", "b", "c"]))
    async with running(desk.worker()):
        await desk.until(lambda: summaries(desk), ["a in r1", "b in r1", "c in r1"])
        await desk.settled(1)
    rows: list[dict[str, Any]] = await desk.ledger.queries.effects()
    assert sorted(row["attempts"] for row in rows) == [1, 1, 1, 2]


async def test_items_that_read_are_noted_each_and_listed_for_later_steps(
    valkey_url: str, unique: str, tmp_path: Path
) -> None:
    rules = rack_down("""
      forecast: {each: "{{ hosts }}", tool: predict_demand, with: {sku: "{{ item }}", days: 7}}
      tell: {tool: notify, with: {to: ana, text: "{{ size(steps.forecast.results) }}"}}
""")
    async with office(valkey_url, unique, tmp_path, rules) as desk:
        desk.open_(down(desk, ["a", "b"]))
        worker = desk.worker()
        async with running(replace(worker, name="w2")):
            await desk.settled(1)
        noted = await desk.ledger.incidents.steps(down(desk, []).incident)
        assert set(noted) == {"forecast/i:a", "forecast/i:b"}
        assert [row["text"] for row in await desk.listed("/messages")] == ["2"]
