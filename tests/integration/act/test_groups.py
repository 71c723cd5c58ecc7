"""Groups: many openings that are worked as one incident, on a real ledger."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dutyd.core.errors import NotReadyError
from dutyd.core.incident import Trigger
from dutyd.core.mute import Silence
from dutyd.ledger.birth import Found
from dutyd.ledger.decisions import Decided
from support.acting import Office, office, running
from support.valkey_server import ValkeyServer

RULES = """
language: 1
rules:
  - id: low-stock
    from: stock
    per: [sku]
    when: level < 10
    group: {by: [supplier], wait: WAIT, at_most: 3}
    mode: act
    summary: "{{ group.size }} articles of {{ supplier }} are low"
    steps:
      ticket:
        tool: create_ticket
        with: {project: BUY, kind: order, title: "{{ summary }}", body: "{{ evidence }}"}
    on_clear:
      told: {tool: notify, with: {to: "{{ supplier }}", text: "Enough of {{ group.members }}"}}
"""
HOUR = 3600.0
NOW = 1_780_000_000.0


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES.replace("WAIT", "1s")) as opened:
        yield opened


def low(desk: Office, sku: str, supplier: str | None = "acme") -> Trigger:
    fields = {"sku": sku, "level": 3} | ({} if supplier is None else {"supplier": supplier})
    return desk.trigger("low-stock", fields, {"sku": sku})


async def states(desk: Office) -> dict[str, str]:
    rows = await desk.ledger.queries.incidents()
    return {"/".join(row["entity"].values()): row["state"] for row in rows}


async def titles(desk: Office) -> list[str]:
    return sorted(row["title"] for row in await desk.listed("/tickets"))


async def group_of(desk: Office, supplier: str) -> dict[str, Any]:
    rows = [row for row in await desk.ledger.queries.incidents() if row["kind"] == "group"]
    (found,) = [row["id"] for row in rows if row["entity"] == {"supplier": supplier}]
    return await desk.ledger.queries.whole(found)


async def test_members_with_equal_values_are_one_incident_whose_steps_run_once(desk: Office) -> None:
    for sku, supplier in (("a", "acme"), ("b", "acme"), ("c", "zeta")):
        desk.open_(low(desk, sku, supplier))
    async with running(desk.worker()):
        await desk.until(lambda: titles(desk), ["1 articles of zeta are low", "2 articles of acme are low"])
        await desk.settled(5)
        assert await states(desk) == {"a": "MUTED", "b": "MUTED", "c": "MUTED", "acme": "ACTIVE", "zeta": "ACTIVE"}
        (ticket,) = [row for row in await desk.listed("/tickets") if "acme" in row["title"]]
        assert ticket["body"].splitlines() == [
            "2 members:",
            "- sku: a, level: 3, supplier: acme",
            "- sku: b, level: 3, supplier: acme",
            "supplier: acme",
        ]
        desk.clear(low(desk, "a"))
        await desk.until(lambda: closed(desk), {"a"})
        assert await desk.listed("/messages") == []
        group = (await group_of(desk, "acme"))["id"]
        shown = await desk.ledger.queries.whole(low(desk, "b").incident)
        assert shown["muted"] == f"one of a group, see incident {group[:10]}"
        desk.clear(low(desk, "b"))
        await desk.until(lambda: closed(desk), {"a", "b", "acme"})
    (told,) = await desk.listed("/messages")
    assert told["to"] == "acme"


async def closed(desk: Office) -> set[str]:
    return {name for name, state in (await states(desk)).items() if state == "CLOSED"}


async def test_a_full_group_begins_at_once_and_late_members_open_the_next(
    valkey_url: str, unique: str, tmp_path: Path
) -> None:
    async with office(valkey_url, unique, tmp_path, RULES.replace("WAIT", "2s")) as desk:
        for sku in "abcde":
            desk.open_(low(desk, sku))
        async with running(desk.worker()):
            await desk.until(lambda: titles(desk), ["3 articles of acme are low"], 1.8)
            await desk.until(lambda: titles(desk), ["2 articles of acme are low", "3 articles of acme are low"])


async def test_who_clears_before_the_group_begins_leaves_it_and_nobody_left_is_nothing_done(desk: Office) -> None:
    for sku in "ab":
        desk.open_(low(desk, sku))
    desk.open_(low(desk, "c", "zeta"))
    async with running(desk.worker()):
        await desk.until(lambda: waiting(desk), 3)
        desk.clear(low(desk, "a"))
        desk.clear(low(desk, "c", "zeta"))
        await desk.until(lambda: titles(desk), ["1 articles of acme are low"])
        await desk.settled(5)
        assert await closed(desk) == {"a", "c", "zeta"}
        shown = await group_of(desk, "acme")
    assert [(row["entity"], row["state"]) for row in shown["members"]] == [
        ({"sku": "a"}, "CLOSED"),
        ({"sku": "b"}, "MUTED"),
    ]
    assert await desk.listed("/messages") == []


async def waiting(desk: Office) -> int:
    return sum(state == "MUTED" for state in (await states(desk)).values())


async def test_whoever_lacks_what_members_have_in_common_is_alone(desk: Office) -> None:
    for sku in "ab":
        desk.open_(low(desk, sku, None))
    async with running(desk.worker()):
        await desk.settled(4)
    assert sorted(await titles(desk)) == ["low-stock", "low-stock"]


async def test_a_silence_holds_back_the_members_that_it_covers_and_no_other(desk: Office) -> None:
    silence = Silence(
        id="s1", who="ana", because="no longer sold", begins=NOW - 1, ends=NOW + HOUR, entity={"sku": "b"}
    )
    await desk.ledger.silences.add(silence)
    for sku in "ab":
        desk.open_(low(desk, sku))
    worker = desk.worker()
    async with running(replace(worker, means=replace(worker.means, now=lambda: NOW))):
        await desk.until(lambda: titles(desk), ["1 articles of acme are low"])
        assert await desk.ledger.silences.end("s1", "ana", "sold again") == 1
        await desk.until(lambda: titles(desk), ["1 articles of acme are low"] * 2)


async def test_a_throttle_counts_groups_not_members(valkey_url: str, unique: str, tmp_path: Path) -> None:
    rules = RULES.replace("WAIT", "1s").replace("mode: act", "mode: act\n    throttle: {per_entity: [1/1h]}")
    async with office(valkey_url, unique, tmp_path, rules) as desk:
        for sku, supplier in (("a", "acme"), ("b", "acme"), ("c", "zeta")):
            desk.open_(low(desk, sku, supplier))
        async with running(desk.worker()):
            await desk.until(lambda: titles(desk), ["1 articles of zeta are low", "2 articles of acme are low"])
            desk.open_(low(desk, "d"))
            await desk.until(lambda: throttled(desk), ["acme"])
        assert len(await titles(desk)) == 2


PAGED = """
language: 1
rules:
  - id: disks
    from: metrics
    per: [disk]
    when: used > 95
    throttle: {per_rule: [1/4s]}
    group: {by: [rack], wait: 0.5s}
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ summary }}"}}
    summary: "{{ group.size }} disks in {{ rack }}"
"""


async def test_a_group_that_is_throttled_is_told_on_a_roll_up_page_that_names_its_members(
    valkey_url: str, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dutyd.ledger.incidents.GATHERING_SECONDS", 0.5)
    async with office(valkey_url, unique, tmp_path, PAGED) as desk:
        for rack, names in (("r1", "ab"), ("r2", "cd")):
            for name in names:
                desk.open_(desk.trigger("disks", {"disk": name, "rack": rack, "used": 99}, {"disk": name}))
        async with running(desk.worker()):
            await desk.until(lambda: pages(desk), 2)
        first, told = sorted((row["summary"] for row in await desk.listed("/alerts")), key=len)
    others = {"2 disks in r1": "c, d", "2 disks in r2": "a, b"}
    assert told == f"2 more of disks held back by its throttle: {others[first]}"


async def pages(desk: Office) -> int:
    return len(await desk.listed("/alerts"))


async def throttled(desk: Office) -> list[str]:
    rows = await desk.ledger.queries.incidents()
    groups = [row for row in rows if row["kind"] == "group" and row["state"] == "MUTED"]
    return [row["entity"]["supplier"] for row in groups if (await desk.ledger.queries.whole(row["id"]))["muted"]]


async def test_closing_a_group_asks_the_evaluator_to_end_its_members(desk: Office) -> None:
    for sku in "ab":
        desk.open_(low(desk, sku))
    async with running(desk.worker()):
        await desk.until(lambda: titles(desk), ["2 articles of acme are low"])
        await desk.settled(3)
        shown = await group_of(desk, "acme")
        trigger = msgspec.convert(shown["trigger"], Trigger)
        assert await desk.ledger.decisions.close(trigger, "ana", "ordered by phone", NOW) is Decided.DONE
        await desk.settled(3)
        assert set(await desk.asked_to_end()) == {row["id"] for row in shown["members"]}
        assert len(await desk.listed("/messages")) == 1
        for sku in "ab":
            desk.clear(low(desk, sku))
        await desk.until(lambda: closed(desk), {"a", "b", "acme"})
        assert await desk.asked_to_end() == []
    assert len(await desk.listed("/messages")) == 1


async def test_members_that_have_no_end_of_their_own_end_with_their_group(desk: Office) -> None:
    for sku in "ab":
        desk.open_(msgspec.structs.replace(low(desk, sku), momentary=True))
    async with running(desk.worker()):
        await desk.until(lambda: closed(desk), {"a", "b", "acme"})
    assert await titles(desk) == ["2 articles of acme are low"]


async def test_a_ledger_that_lost_its_data_groups_as_before_and_does_nothing_twice(
    valkey_url: str, forgetful: ValkeyServer, unique: str, tmp_path: Path
) -> None:
    rules = RULES.replace("WAIT", "1s")
    async with office(valkey_url, unique, tmp_path, rules, ledger_url=forgetful.url) as desk:
        async with running(desk.worker()):
            for sku in "ab":
                desk.open_(low(desk, sku))
            await desk.until(lambda: titles(desk), ["2 articles of acme are low"])
            desk.open_(low(desk, "c"))
            await desk.until(lambda: titles(desk), ["1 articles of acme are low", "2 articles of acme are low"])
            await desk.settled(5)
            desk.clear(low(desk, "a"))
            await desk.until(lambda: closed(desk), {"a"})
        await desk.until(desk.ledger.outcomes.count, 0)
        forgetful.stop()
        forgetful.forget()
        forgetful.start()
        await desk.until(lambda: standing(desk), Found.NONE)
        async with running(desk.worker()):
            await desk.settled(5)
            assert len(await titles(desk)) == 2
            groups = [row for row in await desk.ledger.queries.incidents() if row["kind"] == "group"]
            assert [row["state"] for row in groups] == ["ACTIVE"] * 2
            desk.clear(low(desk, "b"))
            desk.clear(low(desk, "c"))
            await desk.until(lambda: closed(desk), {"a", "b", "c", "acme"})
        assert len(await desk.listed("/messages")) == 2


async def standing(desk: Office) -> Found | None:
    try:
        return await desk.ledger.birth.look()
    except NotReadyError:
        return None
