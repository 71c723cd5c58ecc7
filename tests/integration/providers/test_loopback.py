"""The loopback server: address at once, stop frees the port, a taken port is told."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dutyd.core.errors import SettingsError
from dutyd.embedded.loopback import Loopback


def hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def app() -> Starlette:
    return Starlette(routes=[Route("/", hello)])


def test_it_answers_on_a_free_port_as_soon_as_it_is_started() -> None:
    with Loopback(app()) as server:
        assert httpx2.get(server.url).text == "hello"


def test_a_taken_port_is_told_before_anything_runs() -> None:
    with Loopback(app()) as server, pytest.raises(SettingsError, match=f"port {server.port} of 127.0.0.1"):
        Loopback(app(), server.port)


def test_a_stopped_server_frees_its_port_for_the_next() -> None:
    with Loopback(app()) as first:
        httpx2.get(first.url)
    with Loopback(app(), first.port) as second:
        assert second.url == first.url
        assert httpx2.get(second.url).text == "hello"


def test_a_server_that_never_ran_can_be_stopped() -> None:
    Loopback(app()).stop()
