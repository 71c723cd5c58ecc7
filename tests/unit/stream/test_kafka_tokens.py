"""Tokens from an endpoint: fetched by client credentials, kept while they are good; and what is said without one."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError

from dutyd.core.errors import NotReadyError, SettingsError
from dutyd.stream.kafka import tokens
from dutyd.stream.kafka.tokens import EndpointToken
from support.token_endpoint import CLIENT, SECRET, TokenEndpoint, token_endpoint


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    numbers = count(1)
    with token_endpoint(lambda: f"t{next(numbers)}") as endpoint:
        yield endpoint


def test_a_token_is_kept_while_it_is_good(endpoint: TokenEndpoint) -> None:
    provider = EndpointToken(endpoint.url, CLIENT, SECRET, "kafka")
    assert [provider.fetch(), provider.fetch()] == ["t1", "t1"]
    assert endpoint.asked == [{"grant_type": ["client_credentials"], "scope": ["kafka"]}]


def test_a_token_that_ends_is_fetched_anew(endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "LIFE_USED", 0.0)
    provider = EndpointToken(endpoint.url, CLIENT, SECRET)
    assert [provider.fetch(), provider.fetch()] == ["t1", "t2"]


def test_a_refused_client_is_a_wrong_setting(endpoint: TokenEndpoint) -> None:
    with pytest.raises(SettingsError, match=r"refuses this client \(401: bad secret\); see kafka.token_url, "):
        EndpointToken(endpoint.url, CLIENT, "x").fetch()


@pytest.mark.parametrize(
    ("status", "answer"),
    [(503, {}), (429, {}), (408, {}), (200, {"access_token": None}), (200, {"access_token": 7})],
)
def test_an_endpoint_without_a_token_is_not_ready(endpoint: TokenEndpoint, status: int, answer: dict[str, Any]) -> None:
    endpoint.status, endpoint.answer = status, answer
    with pytest.raises(NotReadyError, match=f"answers {status} and no token"):
        EndpointToken(endpoint.url, CLIENT, SECRET).fetch()


def test_the_client_is_told_of_a_missing_token_by_an_error_that_it_survives(endpoint: TokenEndpoint) -> None:
    with pytest.raises(KafkaConnectionError, match="refuses this client") as caught:
        EndpointToken(endpoint.url, CLIENT, "x").token()
    assert isinstance(caught.value.because, SettingsError)


def test_an_endpoint_that_is_away_is_not_ready(endpoint: TokenEndpoint) -> None:
    with pytest.raises(NotReadyError, match="does not answer"):
        EndpointToken(endpoint.url.replace("127.0.0.1", "127.0.0.9"), CLIENT, SECRET).fetch()
