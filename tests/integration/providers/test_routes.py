"""Effects on the routes of a provider, on a real ledger: each in its own system, its successors in the same."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from dutyd.embedded.backoffice import app
from dutyd.embedded.loopback import Loopback
from dutyd_tools.providers import rest
from dutyd_tools.providers.backoffice import connect
from support.acting import Office, office, running

RULES = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}", to: "{{ team }}"}}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}}
"""


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES) as opened:
        yield opened


@pytest.fixture
async def elsewhere(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """The office of another team."""
    with Loopback(app(tmp_path / "elsewhere.db")) as server:
        async with httpx2.AsyncClient(base_url=server.url) as client:
            yield client


def errors(team: str) -> dict[str, object]:
    return {"service": "checkout", "error_count": 12, "team": team}


async def test_a_page_goes_its_route_and_is_called_off_there(desk: Office, elsewhere: httpx2.AsyncClient) -> None:
    # The same id in both offices: only the route tells the two alerts apart.
    await desk.http.post(f"{desk.url}/alerts", json={"severity": "info", "summary": "another alert"})
    trigger = desk.trigger("errors", errors("dba"), {"service": "checkout"})
    desk.open_(trigger)
    async with running(desk.worker(named={"dba": connect({"url": str(elsewhere.base_url)})})):
        await desk.settled(1)
        desk.clear(trigger)
        await desk.closed()
    (there,) = (await elsewhere.get("/alerts")).json()
    (here,) = await desk.listed("/alerts")
    assert (there["id"], there["status"]) == ("A-1", "resolved")
    assert (here["id"], here["status"]) == ("A-1", "firing")


async def test_a_route_that_nobody_knows_refuses_the_effect_and_says_so(desk: Office) -> None:
    desk.open_(desk.trigger("errors", errors("dbas"), {"service": "checkout"}))
    async with running(desk.worker(named={"dba": connect({"url": desk.url})})):
        await desk.settled(1)
    (effect,) = await desk.ledger.queries.effects()
    assert effect["state"] == "REFUSED"
    assert effect["reason"].startswith("there is no route 'dbas' for alerting; did you mean 'dba'?")
    assert await desk.listed("/alerts") == []


async def test_what_a_provider_does_not_make_is_refused_before_anybody_is_asked(desk: Office) -> None:
    desk.open_(desk.trigger("errors", errors("chat"), {"service": "checkout"}))
    nothing = rest.connect({"url": desk.url})
    async with running(desk.worker(named={"chat": nothing})):
        await desk.settled(1)
    (effect,) = await desk.ledger.queries.effects()
    assert (effect["state"], effect["reason"]) == ("REFUSED", "what is behind alerting (chat) makes no alert")


async def test_what_was_sent_on_a_route_that_is_gone_needs_a_person(
    desk: Office, elsewhere: httpx2.AsyncClient
) -> None:
    cut = {"path": "/alerts", "do": "execute-then-cut"}
    (await elsewhere.post("/faults", json=cut)).raise_for_status()
    (await elsewhere.post("/faults", json={**cut, "do": "fail", "status": 503, "times": 100})).raise_for_status()
    desk.open_(desk.trigger("errors", errors("dba"), {"service": "checkout"}))
    there = connect({"url": str(elsewhere.base_url)})
    async with running(desk.worker(named={"dba": there})):
        await desk.until(lambda: states(desk), ["UNKNOWN"])
    async with running(desk.worker(named={}, lease=1.0)):
        await desk.until(lambda: states(desk), ["PARKED"])
    assert await desk.listed("/alerts") == []


async def states(desk: Office) -> list[str]:
    return [row["state"] for row in await desk.ledger.queries.effects()]
