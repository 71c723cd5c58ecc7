"""``query_metrics`` over a real Prometheus that scraped a real endpoint."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dutyd.core.errors import SettingsError
from dutyd.core.tool import NotSentError, Provider, RefusedError
from dutyd.embedded.loopback import Loopback
from dutyd_tools import TOOLS
from dutyd_tools.providers import prometheus as adapter
from support.monitoring import MonitoringServer

PATIENCE = 30.0
AGO = (90, 60, 30)  # seconds before the start of the test, one sample at each

QUERIES = {"slowest": "max by (service) (response_time)"}


def exposition(start: float) -> str:
    samples = {
        'response_time{service="pay"}': (200, 900, 400),
        'response_time{service="shop"}': (20, 30, 40),
        'odd_label{path="C:\\\\temp"}': (1, 2, 3),
        "sometimes": ("NaN", 7, "+Inf"),
        "never_a_number": ("NaN", "NaN", "NaN"),
        **{f'many{{pod="{number}"}}': (1, 1, 1) for number in range(101)},
    }
    lines = [
        f"{name} {value} {int((start - ago) * 1000)}"
        for name, values in samples.items()
        for ago, value in zip(AGO, values, strict=True)
    ]
    return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def scraped(prometheus: MonitoringServer) -> str:
    """The URL of a Prometheus that holds what the endpoint shows."""
    start = time.time()  # noqa: TID251 - Prometheus counts by the system's clock

    def metrics(_: Request) -> PlainTextResponse:
        return PlainTextResponse(exposition(start), media_type="text/plain; version=0.0.4")

    with Loopback(Starlette(routes=[Route("/metrics", metrics)])) as endpoint:
        job = {"job_name": "test", "scrape_interval": "1s", "static_configs": [{"targets": [endpoint.url[7:]]}]}
        prometheus.configure({"scrape_configs": [job]})
        deadline = time.monotonic() + PATIENCE
        while not httpx2.get(f"{prometheus.url}/api/v1/query", params={"query": "many"}).json()["data"]["result"]:
            assert time.monotonic() < deadline, "nothing was scraped"
            time.sleep(0.1)
        prometheus.configure({})
    return prometheus.url


@pytest.fixture
async def provider(scraped: str) -> AsyncIterator[Provider]:
    connected = adapter.connect({"url": scraped, "step": 1, "queries": QUERIES})
    yield connected
    await connected.close()


async def ask(provider: Provider, query: str, minutes: int = 5) -> Any:
    (tool,) = (tool for tool in TOOLS if tool.name == "query_metrics")
    assert tool.ask is not None
    return await tool.ask(provider, tool.args.model_validate({"query": query, "minutes": minutes}))


async def test_a_metric_is_summed_up_from_numbers(provider: Provider) -> None:
    told = await ask(provider, 'response_time{service="pay"}')
    assert (told["min"], told["max"], told["last"]) == (200.0, 900.0, 400.0)
    assert told["count"] > 30  # a sample a second since the first


async def test_a_metric_without_labels_is_summed_up_over_its_series(provider: Provider) -> None:
    told = await ask(provider, "response_time")
    assert (told["min"], told["max"]) == (20.0, 900.0)


@pytest.mark.parametrize(
    "query", ["no_such_metric", 'response_time{service="ghost"}', "never_a_number", 'slowest{a="b"}']
)
async def test_nothing_found_is_no_data_and_never_a_zero(provider: Provider, query: str) -> None:
    told = await ask(provider, query)
    assert told == {"query": query, "minutes": 5, "note": "no data"}


async def test_what_is_no_number_is_left_out(provider: Provider) -> None:
    told = await ask(provider, "sometimes")
    assert (told["min"], told["max"], told["last"]) == (7.0, 7.0, 7.0)


async def test_a_name_of_the_settings_asks_its_promql_narrowed_by_labels(provider: Provider) -> None:
    assert (await ask(provider, "slowest"))["max"] == 900.0
    assert (await ask(provider, 'slowest{service="shop"}'))["max"] == 40.0


async def test_a_label_can_not_leave_its_quotes(provider: Provider) -> None:
    read = await provider.read("samples", {"metric": "odd_label", "labels": {"path": "C:\\temp"}, "minutes": 5})
    assert read[-1]["value"] == 3.0
    hostile = {"service": 'x"} or response_time{service="pay'}
    assert await provider.read("samples", {"metric": "up", "labels": hostile, "minutes": 5}) == []


@settings(max_examples=30)
@given(st.text(st.characters(), max_size=50))
@example('"} or vector(1) or up{a="')
def test_any_label_is_a_text_to_prometheus(scraped: str, value: str) -> None:
    promql = adapter.selector({"__name__": "up", "service": value})
    answer = httpx2.get(f"{scraped}/api/v1/query", params={"query": promql}).json()
    assert (answer["status"], answer["data"]["result"]) == ("success", [] if value else answer["data"]["result"])


async def test_a_metric_of_many_series_is_to_be_narrowed(provider: Provider) -> None:
    with pytest.raises(RefusedError, match=r"many has 101 series.*narrow it by instance, job, pod"):
        await ask(provider, "many")


async def test_a_week_is_asked_in_wider_steps_up_to_now(provider: Provider) -> None:
    told = await ask(provider, 'response_time{service="pay"}', 10_080)
    assert (told["count"], told["last"]) == (1, 400.0)


async def test_promql_that_is_wrong_is_refused_in_the_words_of_prometheus(scraped: str) -> None:
    provider = adapter.connect({"url": scraped, "queries": {"broken": "sum(("}})
    with pytest.raises(RefusedError, match="parse error"):
        await ask(provider, "broken")
    await provider.close()


async def test_it_only_reads_samples(provider: Provider) -> None:
    assert isinstance(provider, Provider)
    with pytest.raises(RefusedError, match="can't make a ticket"):
        await provider.create("ticket", "key", {})
    assert await provider.lookup("ticket", "key") is None
    with pytest.raises(RefusedError, match="knows no stock"):
        await provider.read("stock", {})


async def test_a_check_says_who_answers(provider: Provider, scraped: str) -> None:
    assert await provider.check() == f"Prometheus at {scraped} answers"


async def test_a_server_that_is_something_else_is_told(alertmanager: MonitoringServer) -> None:
    provider = adapter.connect({"url": alertmanager.url})
    with pytest.raises((RefusedError, NotSentError), match="query_range answered 404"):
        await provider.check()
    await provider.close()


async def test_a_server_that_is_gone_is_asked_again_later() -> None:
    provider = adapter.connect({"url": "http://127.0.0.1:1"})
    with pytest.raises(NotSentError):
        await provider.check()
    await provider.close()


async def test_a_token_and_a_tenant_go_along(tmp_path: Path) -> None:
    seen: list[str | None] = []

    def answer(request: Request) -> PlainTextResponse:
        seen.extend(request.headers.get(name) for name in ("authorization", "x-scope-orgid"))
        return PlainTextResponse('{"status": "success", "data": {"resultType": "matrix", "result": []}}')

    (tmp_path / "token").write_text("s3cret\n")
    with Loopback(Starlette(routes=[Route("/api/v1/query_range", answer)])) as server:
        login = {"token_file": str(tmp_path / "token"), "headers": {"X-Scope-OrgID": "shop"}}
        provider = adapter.connect({"url": server.url, **login})
        await provider.check()
        await provider.close()
    assert seen == ["Bearer s3cret", "shop"]


def test_a_token_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"token_file: can't read .*missing: No such file"):
        adapter.connect({"url": "http://127.0.0.1:1", "token_file": str(tmp_path / "missing")})
