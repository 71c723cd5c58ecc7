"""Tokens from an endpoint: fetched by client credentials, kept while they are good; and what is said without one."""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest
from kafka.errors import KafkaConnectionError

from dutyd.core.errors import NotReadyError, SettingsError
from dutyd.stream.kafka import tokens
from dutyd.stream.kafka.tokens import EndpointToken


class Endpoint(BaseHTTPRequestHandler):
    """Gives out numbered tokens to whoever knows the secret."""

    asked: ClassVar[list[dict[str, list[str]]]] = []
    answer: ClassVar[dict[str, Any]] = {}
    status: ClassVar[int] = 200

    def do_POST(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append(parse_qs(body))
        login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        good = login == "dutyd:sesame"
        said = (
            {"access_token": f"t{len(self.asked)}", "expires_in": 3600} | self.answer
            if good
            else {
                "error": "invalid_client",
                "error_description": "bad secret",
            }
        )
        self.send_response(self.status if good else 401)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, fresh in (("asked", []), ("answer", {}), ("status", 200)):
        monkeypatch.setattr(Endpoint, name, fresh)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    server.server_close()


def test_a_token_is_kept_while_it_is_good(url: str) -> None:
    provider = EndpointToken(url, "dutyd", "sesame", "kafka")
    assert [provider.fetch(), provider.fetch()] == ["t1", "t1"]
    assert Endpoint.asked == [{"grant_type": ["client_credentials"], "scope": ["kafka"]}]


def test_a_token_that_ends_is_fetched_anew(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "LIFE_USED", 0.0)
    provider = EndpointToken(url, "dutyd", "sesame")
    assert [provider.fetch(), provider.fetch()] == ["t1", "t2"]


def test_a_refused_client_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(
        SettingsError, match=r"refuses this client \(401: bad secret\); see kafka.token_url, kafka.client"
    ):
        EndpointToken(url, "dutyd", "x").fetch()


@pytest.mark.parametrize(("status", "answer"), [(503, {}), (200, {"access_token": None}), (200, {"access_token": 7})])
def test_an_endpoint_without_a_token_is_not_ready(
    url: str, monkeypatch: pytest.MonkeyPatch, status: int, answer: dict[str, Any]
) -> None:
    monkeypatch.setattr(Endpoint, "status", status)
    monkeypatch.setattr(Endpoint, "answer", answer)
    with pytest.raises(NotReadyError, match=f"answers {status} and no token"):
        EndpointToken(url, "dutyd", "sesame").fetch()


def test_the_client_is_told_of_a_missing_token_by_an_error_that_it_survives(url: str) -> None:
    with pytest.raises(KafkaConnectionError, match="refuses this client") as caught:
        EndpointToken(url, "dutyd", "x").token()
    assert isinstance(caught.value.because, SettingsError)


def test_an_endpoint_that_is_away_is_not_ready(url: str) -> None:
    with pytest.raises(NotReadyError, match="does not answer"):
        EndpointToken(url.replace("127.0.0.1", "127.0.0.9"), "dutyd", "sesame").fetch()
