"""Pages through a real Alertmanager: whom it tells, how often, and what its memory is worth."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response

from dutyd.core.tool import NotSentError, RefusedError
from dutyd.embedded.loopback import Loopback
from dutyd_tools.providers import alertmanager as adapter
from support.broker import free_port
from support.monitoring import MonitoringServer, new_alertmanager
from support.needs import skipped_where_unavailable
from support.providers import Connect, closing, promise
from support.server import running

DAY = 86_400.0
PAGE = {"severity": "critical", "summary": "checkout fails", "to": "shop"}


@dataclass
class Pager:
    """Takes what Alertmanager tells people."""

    told: list[tuple[str, str]] = field(default_factory=list)  # key and status

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            for alert in (await Request(scope, receive).json())["alerts"]:
                self.told.append((alert["labels"]["dutyd_key"], alert["status"]))
            await Response()(scope, receive, send)

    def of(self, key: str) -> list[str]:
        return [status for known, status in self.told if known == key]

    async def until(self, key: str, *statuses: str) -> None:
        async with asyncio.timeout(20):
            while self.of(key) != [*statuses]:
                await asyncio.sleep(0.02)


@dataclass
class Site:
    server: MonitoringServer
    pager: Pager


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """An Alertmanager that tells each alert by itself, at once."""
    pager = Pager()
    with Loopback(pager) as people:
        route = {"receiver": "people", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
        people_ = {"name": "people", "webhook_configs": [{"url": people.url}]}
        with skipped_where_unavailable():
            server = new_alertmanager({"route": route, "receivers": [people_]})
        with running(server):
            yield Site(server, pager)


@pytest.fixture
async def connect(site: Site) -> AsyncIterator[Connect]:
    async with closing(lambda **settings: adapter.connect({"url": site.server.url, **settings})) as connect:
        yield connect


@pytest.fixture
def key(unique: str) -> str:
    return f"dutyd-{unique}"


def alerts(site: Site, key: str) -> list[dict[str, Any]]:
    query = {"filter": f'dutyd_key="{key}"'}
    return list(httpx2.get(f"{site.server.url}/api/v2/alerts", params=query).json())


async def test_a_page_is_told_once_however_often_it_is_sent_and_called_off_once(
    site: Site, connect: Connect, key: str
) -> None:
    first = await connect().create("alert", key, PAGE)
    await site.pager.until(key, "firing")
    (before,) = alerts(site, key)
    assert await connect().create("alert", key, PAGE) == first
    (after,) = alerts(site, key)
    assert after["startsAt"] == before["startsAt"]
    for number in (1, 2):
        await connect().create("alert_resolution", f"{key}-{number}", {"alert": first.id})
    await site.pager.until(key, "firing", "resolved")
    assert alerts(site, key) == []
    assert await connect().lookup("alert", key) is None


@pytest.mark.parametrize(("settings", "days"), [({}, 30), ({"ends_after": "7d"}, 7)])
async def test_an_alert_stays_until_it_is_resolved_or_for_as_long_as_the_settings_say(
    site: Site, connect: Connect, key: str, settings: dict[str, Any], days: int
) -> None:
    await connect(**settings).create("alert", key, PAGE)
    (alert,) = alerts(site, key)
    starts, ends = (datetime.fromisoformat(alert[name]).timestamp() for name in ("startsAt", "endsAt"))
    assert ends - starts == days * DAY
    assert alert["status"]["state"] == "active"
    assert promise(connect(**settings), "alert").window == days * DAY


async def test_labels_route_it_and_annotations_tell_people(site: Site, connect: Connect, key: str) -> None:
    labels = {"alertname": "Shop", "team": "{{ to }}", "where": "{{ details }}"}
    provider = connect(labels=labels, annotations={"runbook": "https://runbooks/{{ severity }}"})
    receipt = await provider.create("alert", key, PAGE)
    (alert,) = alerts(site, key)
    wanted = {"alertname": "Shop", "severity": "critical", "team": "shop", "dutyd_key": key}
    assert alert["labels"] == json.loads(receipt.id) == wanted
    assert alert["annotations"] == {"summary": "checkout fails", "runbook": "https://runbooks/critical"}
    assert receipt.data["url"] == f"{site.server.url}/#/alerts?filter=%7Bdutyd_key%3D%22{key}%22%7D"


async def test_an_alert_that_a_restart_forgot_can_still_be_called_off(site: Site, connect: Connect, key: str) -> None:
    page = await connect().create("alert", key, PAGE)
    await site.pager.until(key, "firing")
    site.server.stop()
    site.server.start()
    assert alerts(site, key) == []  # alerts are in memory only; whom it told is on disk
    await connect().create("alert_resolution", f"{key}-r", {"alert": page.id})
    await site.pager.until(key, "firing", "resolved")


async def test_what_is_no_alert_of_ours_is_refused(connect: Connect, key: str) -> None:
    for wrong in ("A-1", "{}", '{"dutyd_key": 7}', "[]", "None"):
        with pytest.raises(RefusedError, match="give the id that send_alert gave"):
            await connect().create("alert_resolution", key, {"alert": wrong})
    with pytest.raises(RefusedError, match="makes no ticket"):
        await connect().create("ticket", key, {})


async def test_one_member_of_a_cluster_that_takes_it_will_do(site: Site, connect: Connect, key: str) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    await connect(url=dead, peers=[site.server.url]).create("alert", key, PAGE)
    assert len(alerts(site, key)) == 1
    with pytest.raises(NotSentError):
        await connect(url=dead, peers=[dead]).create("alert", key, PAGE)


async def test_a_member_that_hangs_does_not_take_the_yes_of_another_away(
    site: Site, connect: Connect, key: str
) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the other side gives up
        writer.close()

    hanging = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with hanging:
        port = hanging.sockets[0].getsockname()[1]
        provider = connect(peers=[f"http://127.0.0.1:{port}"], timeout="300ms")
        async with asyncio.timeout(promise(provider, "alert").timeout):  # as the ledger's sender does
            await provider.create("alert", key, PAGE)
    assert len(alerts(site, key)) == 1


async def test_a_check_names_the_version_of_every_member(site: Site, connect: Connect) -> None:
    said = await connect(peers=[site.server.url]).check()
    assert said.count("Alertmanager 0.") == said.count(site.server.url) == 2
    with Loopback(Pager()) as other, pytest.raises((NotSentError, RefusedError)):
        await connect(url=other.url).check()
