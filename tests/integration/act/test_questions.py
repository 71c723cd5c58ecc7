"""A step that reads and gets no answer waits for one: real HTTP that is down for a while, a real ledger."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dutyd.act.agent.client import Client, Endpoint
from dutyd.act.guard import GuardedProvider
from dutyd.act.means import Waits
from dutyd.act.worker import Worker
from dutyd.core.breaker import Breaker
from dutyd.core.policy import Policy
from dutyd.core.route import Routes
from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import parse_script
from dutyd.ops.notices import Notices
from dutyd.ops.standing import Lookout, notices_of
from support.acting import Office, office, running

RULES = """
language: 1
rules:
  - id: low-stock
    from: stock
    per: [sku]
    when: inventory_level + on_order < 5
    mode: act
    steps:
      forecast: {tool: predict_demand, with: {sku: "{{ sku }}", days: 28}}
      order:
        tool: draft_purchase_order
        with: {sku: "{{ steps.forecast.sku }}", supplier: acme, quantity: 5}
  - id: low-by-site
    from: stock
    per: [supplier]
    when: inventory_level + on_order < 5
    mode: act
    steps:
      level: {each: ["{{ sku }}", other, third], tool: check_stock_levels, with: {sku: "{{ item }}"}}
      order:
        needs: [level]
        tool: draft_purchase_order
        with: {sku: "{{ sku }}", supplier: "{{ supplier }}", quantity: 5}
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    steps:
      level: {tool: check_stock_levels, with: {sku: "{{ service }}"}, on_error: continue}
      page: {needs: [level], tool: send_alert, with: {severity: critical, summary: "{{ service }}"}}
  - id: curious
    from: metrics
    per: [host]
    when: error_count > 10
    mode: act
    agent: {goal: Decide., reads: [check_stock_levels]}
    steps:
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident}
        decide: {title: {text: 120}, body: {text: 400}}
"""
LOW = {"sku": "bolt", "supplier": "acme", "inventory_level": 1, "on_order": 0}


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES) as opened:
        yield opened


def hasty(worker: Worker, *, answer: float = 3600.0) -> Worker:
    """Return *worker* with a breaker before each system, and with waits that are a twentieth of what they may be."""

    def around(family: str, routes: Routes) -> Routes:
        return Routes(GuardedProvider(family, routes.default, breaker=Breaker(lambda: 0.05)))

    providers = {family: around(family, routes) for family, routes in worker.means.providers.items()}
    means = replace(worker.means, providers=providers, waits=Waits(answer=answer), chance=lambda: 0.05)
    return replace(worker, means=means)


async def answers(desk: Office, incident: str) -> dict[str, tuple[str, int | None]]:
    if not await desk.ledger.queries.named(incident):
        return {}
    rows = (await desk.ledger.queries.whole(incident))["answers"]
    return {row["step"]: (row["state"], row["tries"]) for row in rows}


async def down(desk: Office, path: str, times: int, **more: object) -> None:
    await desk.fault(**{"path": path, "method": "GET", "do": "fail", "status": 503, "times": times, **more})


async def states(desk: Office) -> set[str]:
    return {row["state"] for row in await desk.ledger.queries.incidents()}


async def test_an_order_that_needs_an_answer_is_made_once_when_the_system_is_back_after_several_tries(
    desk: Office,
) -> None:
    await down(desk, "/demand", 7)  # more than open the breaker, which then is asked about by one look at a time
    opening = desk.trigger("low-stock", LOW, {"sku": "bolt"})
    desk.open_(opening)
    async with running(hasty(desk.worker())):
        await desk.until(desk.effects, {"order": "DONE"})
        await desk.settled(1)
    assert [order["sku"] for order in await desk.listed("/purchase-orders")] == ["bolt"]
    assert (await answers(desk, opening.incident)) == {"forecast": ("done", None)}
    assert len((await desk.http.get(f"{desk.url}/faults")).json()) == 0


async def test_it_waits_as_long_as_the_system_asks_and_says_what_it_waits_for(desk: Office) -> None:
    await down(desk, "/demand", 1, status=429, retry_after="3600")
    opening = desk.trigger("low-stock", LOW, {"sku": "bolt"})
    desk.open_(opening)
    async with running(hasty(desk.worker(), answer=7200.0)):
        await desk.until(lambda: answers(desk, opening.incident), {"forecast": ("waiting", 1)})
        await desk.until(lambda: waits_for(desk, opening.incident), "retry")
    due = await desk.ledger.scripts.read("zscore", desk.ledger.scripts.key("due"), opening.incident)
    now = (await desk.ledger.scripts.client.time())[0]
    assert 3500 < due / 1000 - now < 3700
    assert await desk.effects() == {}


async def waits_for(desk: Office, incident: str) -> str:
    return str((await desk.ledger.queries.whole(incident))["waits_for"])


async def test_what_was_asked_in_vain_for_as_long_as_the_settings_say_has_failed_and_people_are_told(
    desk: Office,
) -> None:
    await down(desk, "/demand", 500)
    opening = desk.trigger("low-stock", LOW, {"sku": "bolt"})
    desk.open_(opening)
    async with running(hasty(desk.worker(), answer=0.5)):
        await desk.until(lambda: ended(desk, opening.incident), ["failed"])
        await desk.settled(1)
    assert await desk.listed("/purchase-orders") == []
    standing = await desk.ledger.standings.now()
    (notice,) = notices_of(standing, {}, 3600.0)
    assert notice.name == f"unanswered:{opening.incident}/forecast"
    assert "'forecast'" in notice.text
    await Lookout(desk.ledger.standings, Policy(), Notices(desk.ledger.standings, "x")).look()
    (row,) = (await desk.ledger.queries.whole(opening.incident))["answers"]
    assert row["reason"].startswith("asked ")
    assert "503" in row["reason"], "also where the breaker held the last one back"


async def ended(desk: Office, incident: str) -> list[str]:
    return [state for state, _ in (await answers(desk, incident)).values() if state != "waiting"]


async def test_a_page_that_goes_on_without_the_answer_is_not_held_up_and_nobody_is_told(desk: Office) -> None:
    await down(desk, "/stock", 500, status=429, retry_after="600")
    desk.open_(desk.trigger("errors", {"service": "shop", "error_count": 12}, {"service": "shop"}))
    async with running(hasty(desk.worker())):
        await desk.until(desk.effects, {"page": "DONE"})
    assert (await desk.ledger.standings.now()).unanswered == []


async def test_of_many_questions_each_is_asked_until_it_has_its_own_answer(desk: Office) -> None:
    await down(desk, "/stock", 2)
    opening = desk.trigger("low-by-site", LOW, {"supplier": "acme"})
    desk.open_(opening)
    async with running(hasty(desk.worker())):
        await desk.until(desk.effects, {"order": "DONE"})
    assert len(await desk.listed("/purchase-orders")) == 1
    assert set((await answers(desk, opening.incident)).values()) == {("done", None)}


@pytest.mark.parametrize(("rule", "entity"), [("low-stock", "sku"), ("low-by-site", "supplier")])
async def test_an_order_whose_incident_clears_while_its_question_waits_is_made_when_the_answer_comes(
    desk: Office, rule: str, entity: str
) -> None:
    path = "/demand" if rule == "low-stock" else "/stock"
    await down(desk, path, 1, status=429, retry_after="1")
    opening = desk.trigger(rule, LOW, {entity: str(LOW[entity])})
    desk.open_(opening)
    async with running(hasty(desk.worker())):
        await desk.until(lambda: some_wait(desk, opening.incident), True)
        desk.clear(opening)
        await desk.until(lambda: states(desk), {"CLOSED"})
    assert len(await desk.listed("/purchase-orders")) == 1


async def some_wait(desk: Office, incident: str) -> bool:
    return "waiting" in {state for state, _ in (await answers(desk, incident)).values()}


async def test_the_model_is_told_that_there_is_no_answer_and_decides_without(desk: Office) -> None:
    await down(desk, "/stock", 500)
    look = {"name": "check_stock_levels", "arguments": {"sku": "bolt"}}
    ticket = {"name": "ticket", "arguments": {"title": "no stock known", "body": "x"}}
    said = [{"turn": 0, "calls": [look]}, {"when": '"state":"failed"', "turn": 1, "calls": [ticket]}]
    standin = Standin(parse_script({"answers": said}))
    with Loopback(standin.app) as server:
        client = Client(Endpoint(base_url=f"{server.url}/v1", key="any"))
        desk.open_(desk.trigger("curious", {"host": "a", "error_count": 12}, {"host": "a"}))
        async with running(hasty(desk.worker(model=client))):
            await desk.until(desk.effects, {"ticket": "DONE"})
        await client.close()
    assert [row["title"] for row in await desk.listed("/tickets")] == ["no stock known"]
