"""The reading tools, each asked through its real provider."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dutyd.core.tool import NotSentError, Provider, RefusedError
from dutyd.embedded.backoffice import app
from dutyd.embedded.loopback import Loopback
from dutyd_tools import TOOLS
from dutyd_tools.providers import backoffice, folder

BY_NAME = {tool.name: tool for tool in TOOLS}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[httpx2.Client]:
    with Loopback(app(tmp_path / "b.db")) as server, httpx2.Client(base_url=server.url) as client:
        yield client


@pytest.fixture
async def provider(office: httpx2.Client) -> AsyncIterator[Provider]:
    connected = backoffice.connect({"url": str(office.base_url)})
    yield connected
    await connected.close()


async def ask(provider: Provider, tool: str, **args: object) -> Any:
    question = BY_NAME[tool].ask
    assert question is not None
    return await question(provider, BY_NAME[tool].args.model_validate(args))


async def test_stock_is_summed_over_its_locations(office: httpx2.Client, provider: Provider) -> None:
    rows = [{"sku": "1", "location": at, "inventory_level": 3, "on_order": 2} for at in ("main", "shop")]
    office.post("/stock", json=rows)
    told = await ask(provider, "check_stock_levels", sku="1")
    assert (told["inventory_level"], told["on_order"], len(told["locations"])) == (6, 4, 2)
    assert (await ask(provider, "check_stock_levels", sku="1", location="shop"))["inventory_level"] == 3


async def test_demand_is_forecast_from_the_days_so_far(office: httpx2.Client, provider: Provider) -> None:
    office.post("/demand", json=[{"sku": "1", "day": f"2026-01-{day:02}", "quantity": 7} for day in range(1, 31)])
    assert await ask(provider, "predict_demand", sku="1", days=28) == {
        "sku": "1",
        "days": 28,
        "quantity": 196,
        "per_day": 7.0,
        "method": "exponential smoothing",
        "history_days": 30,
    }


async def test_samples_are_summed_up(office: httpx2.Client, provider: Provider) -> None:
    labels = {"service": "pay"}
    samples = [{"metric": "rt", "value": value, "labels": labels} for value in (2, 9, 4)]
    office.post("/samples", json=samples)
    told = await ask(provider, "query_metrics", query='rt{service="pay"}', minutes=5)
    assert told == {
        "query": 'rt{service="pay"}',
        "minutes": 5,
        "count": 3,
        "min": 2.0,
        "max": 9.0,
        "avg": 5.0,
        "last": 4.0,
    }


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("check_stock_levels", {"sku": "1"}),
        ("predict_demand", {"sku": "1", "days": 28}),
        ("query_metrics", {"query": "rt"}),
    ],
)
async def test_what_is_not_known_is_said_and_never_a_zero(
    provider: Provider, tool: str, args: dict[str, object]
) -> None:
    told = await ask(provider, tool, **args)
    assert told["note"] == "no data"
    assert not {"inventory_level", "quantity", "avg", "count"} & set(told)


async def test_tickets_are_found_newest_first_and_bounded(office: httpx2.Client, provider: Provider) -> None:
    for at in range(25):
        ticket = {"project": "OPS", "kind": "incident", "title": f"Errors {at}", "body": "x" * 1000}
        office.post("/tickets", json=ticket)
    told = await ask(provider, "search_tickets", query="errors", project="OPS")
    assert [ticket["title"] for ticket in told["tickets"]] == [f"Errors {at}" for at in range(24, 4, -1)]
    assert len(told["tickets"][0]["body"]) == 300
    assert (await ask(provider, "search_tickets", query="errors", project="NET"))["tickets"] == []


@pytest.fixture
def runbooks(tmp_path: Path) -> Path:
    directory = tmp_path / "runbooks"
    (directory / "shop").mkdir(parents=True)
    (directory / "shop" / "checkout.md").write_text("# Errors\nRoll back the last deploy.\n")
    (directory / "..2026_01_01").mkdir()
    (directory / "..2026_01_01" / "checkout.md").write_text("# Errors\nThe mount's own copy.\n")
    (directory / "notes.txt").write_text("errors")
    return directory


async def test_runbooks_are_found_without_a_mounts_own_copies(runbooks: Path) -> None:
    provider = folder.connect({"dir": str(runbooks)})
    told = await ask(provider, "search_runbooks", query="checkout errors")
    section = {"page": "shop/checkout.md", "heading": "Errors", "text": "Roll back the last deploy."}
    assert told == {"query": "checkout errors", "sections": [section]}
    assert (await ask(provider, "search_runbooks", query="printer"))["note"] == "no data"
    await provider.close()


async def test_a_changed_runbook_is_read_again(runbooks: Path) -> None:
    provider = folder.connect({"dir": str(runbooks)})
    await ask(provider, "search_runbooks", query="errors")
    page = runbooks / "shop" / "checkout.md"
    page.write_text("# Errors\nCall the shop team, at once.\n")
    os.utime(page, ns=(1, 1))
    told = await ask(provider, "search_runbooks", query="errors")
    assert told["sections"][0]["text"] == "Call the shop team, at once."


async def test_a_page_that_is_taken_away_while_it_is_read_is_no_answer_now(
    runbooks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, real = folder.connect({"dir": str(runbooks)}), Path.is_file

    def is_file_and_goes(page: Path) -> bool:
        there = real(page)
        page.unlink()
        return there

    monkeypatch.setattr(Path, "is_file", is_file_and_goes)
    with pytest.raises(NotSentError, match=r"checkout\.md can't be read: No such file"):
        await provider.read("runbooks", {"query": "errors"})


async def test_a_folder_of_runbooks_only_reads(runbooks: Path, tmp_path: Path) -> None:
    provider = folder.connect({"dir": str(runbooks)})
    with pytest.raises(RefusedError, match="can't make a ticket"):
        await provider.create("ticket", "k", {})
    assert await provider.lookup("ticket", "k") is None
    with pytest.raises(RefusedError, match="knows no stock"):
        await provider.read("stock", {})
    missing = folder.connect({"dir": str(tmp_path / "nowhere")})
    assert await provider.check() == f"{runbooks}, pages: 1"
    with pytest.raises(RefusedError, match="name the folder of your runbooks"):
        await missing.check()
    with pytest.raises(RefusedError, match="name the folder of your runbooks"):
        await missing.read("runbooks", {"query": "x"})
