"""The examples of the pages on providers: each is read, connected, and makes what it says at a system that answers."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from dutyd.app.providers import open_providers
from dutyd.core.tool import ProviderClass
from dutyd.embedded.loopback import Loopback
from dutyd.settings import Settings, load_settings
from dutyd_tools.providers import rest
from support.pages import blocks
from support.providers import promise

PAGES = sorted((Path(__file__).parents[2] / "docs").glob("provider*.md"))
EXAMPLES = [(page, each) for page in PAGES for each in blocks(page) if each.text.startswith("providers:")]
FILES = (
    "secrets/jira-api-token",
    "secrets/mail-password",
    "secrets/pager-key",
    "secrets/pagerduty-api-token",
    "secrets/pagerduty-routing-key",
    "secrets/tickets-token",
    "secrets/tracker-password",
    "secrets/tryton-key",
)
VARIABLES = {
    "ALERTMANAGER_TOKEN": "t",
    "CHAT_WEBHOOK": "https://chat.example/hooks/1",
    "ORDERS_PASSWORD": "p",
    "SLACK_PURCHASING": "https://hooks.slack.com/services/T/B/y",
    "SLACK_WEBHOOK": "https://hooks.slack.com/services/T/B/x",
}
KEY = "dutyd-0123456789abcdef0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the secrets that the examples name."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("s" * 32 + "\n")
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def settings_of(text: str, folder: Path) -> Settings:
    (folder / "dutyd.yaml").write_text(text)
    return load_settings(folder / "dutyd.yaml", {})


@pytest.mark.parametrize(("page", "example"), EXAMPLES, ids=lambda of: getattr(of, "name", None) or f"line {of.line}")
async def test_an_example_connects(page: Path, example: Any, folder: Path) -> None:
    del page
    settings = settings_of(example.text, folder)
    named = {family for family, provider in settings.providers if provider is not None}
    opened = open_providers(settings, named, lambda: "unused")
    assert named < opened.keys()
    for family in opened:
        for provider in opened[family].all.values():
            await provider.close()


@pytest.fixture
def system() -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """A system that has what the page's one answers with."""
    taken: list[tuple[str, str, Any]] = []
    issue = {"number": 7, "labels": ["dutyd", KEY], "subject": "Errors", "closed": False}
    answers: Mapping[tuple[str, str], Any] = {
        ("POST", "/issues"): {"issue": issue},
        ("GET", "/issues"): {"issues": [{**issue, "number": 8}, issue]},
        ("POST", "/issues/7/comments"): {"id": 70},
        ("PUT", f"/orders/{KEY}"): {"order_number": "PO-7"},
        ("POST", "/orders/PO-7/release"): {"order_number": "PO-7"},
        ("GET", "/articles/a/inventory"): {"rows": [{"article": "a", "site": "M", "free": "3", "ordered": 4}]},
        ("GET", "/articles/a/sales"): [{"date": "2026-01-31", "sold": 5}],
    }

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            request = Request(scope, receive)
            body = await request.body()
            taken.append((request.method, request.url.path, json.loads(body) if body else None))
            await JSONResponse(answers[request.method, request.url.path])(scope, receive, send)

    with Loopback(app) as server:
        yield server.url, taken


async def test_the_rest_example_makes_and_reads_what_it_says(
    system: tuple[str, list[tuple[str, str, Any]]], folder: Path
) -> None:
    url, taken = system
    text = next(block.text for _, block in EXAMPLES if "kind: rest" in block.text)
    chosen = settings_of(text, folder).providers
    opened = {
        family: rest.connect({**provider.options, "url": url}) for family, provider in chosen if provider is not None
    }
    ticketing, purchasing, stock = (opened[family] for family in ("ticketing", "purchasing", "stock"))
    ticket = {"project": "OPS", "kind": "incident", "title": "Errors", "body": "checkout fails"}
    made = await ticketing.create("ticket", KEY, ticket)
    assert (made.id, made.data["url"]) == ("7", "https://tickets.example.com/issues/7")
    sent = {"subject": "Errors", "text": "checkout fails", "queue": "OPS", "type": "incident", "labels": ["dutyd", KEY]}
    assert taken[0] == ("POST", "/issues", sent)
    found = await ticketing.lookup("ticket", KEY)
    assert found is not None
    assert found.id == "8"
    assert promise(ticketing, "ticket").kind is ProviderClass.B
    assert (await ticketing.create("comment", KEY, {"ticket": "7", "text": "x"})).id == "70"
    rows = await ticketing.read("tickets", {"query": "Errors", "project": None})
    assert [(row["id"], row["status"]) for row in rows] == [(7, "open"), (8, "open")]
    order = await purchasing.create("purchase_order", KEY, {"sku": "a", "supplier": "S1", "quantity": 5})
    assert (order.id, taken[-1][2]) == ("PO-7", {"article": "a", "supplier": "S1", "pieces": 5})
    assert (await purchasing.create("placement", KEY, {"order": "PO-7"})).id == "PO-7"
    (row,) = await stock.read("stock", {"sku": "a", "location": None})
    assert row == {"sku": "a", "location": "M", "inventory_level": 3.0, "on_order": 4}
    assert await stock.read("demand", {"sku": "a"}) == [{"day": "2026-01-31", "quantity": 5}]
    for provider in opened.values():
        await provider.close()
