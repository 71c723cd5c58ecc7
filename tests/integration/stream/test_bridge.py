"""The HTTP bridge: what a sender is told, and what the broker then holds. Kafka stands in where it matters."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from prometheus_client import REGISTRY

from dutyd.app import bridge as module
from dutyd.app.bridge import MOST_BYTES, Bridge
from dutyd.app.publish import ensure_topic
from dutyd.core.topic import Topic
from dutyd.ledger.connect import connect
from dutyd.ops.http import HttpServer
from dutyd.stream import open_stream
from dutyd.stream.base import Stream
from dutyd.stream.formats import Decoder
from support.monitoring import SILENT, MonitoringServer
from support.valkey_server import ValkeyServer

PATIENCE = 30.0

Post = Callable[..., httpx2.Response]


@pytest.fixture
def stream(valkey_url: str) -> Iterator[Stream]:
    opened = open_stream(valkey_url, {}, connect=connect)
    yield opened
    opened.close()


@contextmanager
def serving(stream: Stream, topic: Topic, token: str | None = None) -> Iterator[Post]:
    served = Bridge(stream, topic, token)
    try:
        with HttpServer(served.app(), "127.0.0.1", 0) as server, httpx2.Client(base_url=server.url) as client:

            def post(content: Any, **headers: str) -> httpx2.Response:
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                names = {name.replace("_", "-"): value for name, value in headers.items()}
                return client.post("/", content=body, headers=names)

            yield post
    finally:
        served.close()


@pytest.fixture
def topic(stream: Stream, unique: str) -> Topic:
    made = Topic(alias="alerts", topic=unique, partitioned_by=("service",))
    ensure_topic(stream, made)
    return made


def held(stream: Stream, topic: Topic) -> list[tuple[bytes | None, Any]]:
    return [(record.key, json.loads(record.value or b"null")) for _, record in stream.scan(topic.topic)]


def alert(service: str, status: str = "firing") -> Mapping[str, Any]:
    labels = {"alertname": "Errors", "service": service}
    return {"labels": labels, "status": status, "startsAt": "2026-01-31T09:30:00Z", "fingerprint": f"f-{service}"}


def test_a_post_is_a_keyed_record_when_it_is_answered(stream: Stream, topic: Topic) -> None:
    with serving(stream, topic) as post:
        answer = post({"service": "pay", "error_count": 12})
        assert (answer.status_code, answer.json()) == (200, {"records": 1, "without_key": 0})
        assert held(stream, topic) == [(b"pay", {"service": "pay", "error_count": 12})]


def test_a_message_about_several_services_becomes_a_record_for_each(stream: Stream, topic: Topic) -> None:
    message = {"version": "4", "status": "firing", "alerts": [alert("pay"), alert("shop", "resolved")]}
    with serving(stream, topic) as post:
        assert post([message, {"service": "stock"}]).json() == {"records": 3, "without_key": 0}
    found = held(stream, topic)
    assert [key for key, _ in found] == [b"pay", b"shop", b"stock"]
    records = [record for _, record in stream.scan(topic.topic)]
    events = Decoder(topic, 0).decode(records).events
    assert [(event.fields["service"], event.fields.get("status")) for event in events] == [
        ("pay", "firing"),
        ("shop", "resolved"),
        ("stock", None),
    ]


def test_a_message_about_one_service_stays_whole(stream: Stream, topic: Topic) -> None:
    message = {"version": "4", "status": "firing", "alerts": [alert("pay"), alert("pay", "resolved")]}
    with serving(stream, topic) as post:
        assert post(message).json()["records"] == 1
    assert held(stream, topic) == [(b"pay", message)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON: the value is empty"),
        (b"{", "not JSON"),
        (b'{"n": NaN}', "NaN and Infinity are no JSON numbers"),
        (b'"text"', "expected an object or an array of objects, found text"),
        (b'{"time": "soon"}', "time 'soon' can't be read"),
    ],
)
def test_what_holds_no_event_is_refused_with_the_reason_and_not_sent(
    stream: Stream, topic: Topic, body: bytes, said: str
) -> None:
    with serving(stream, topic) as post:
        answer = post(body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert held(stream, topic) == []


def test_a_record_without_the_key_is_sent_and_counted(stream: Stream, topic: Topic) -> None:
    with serving(stream, topic) as post:
        assert post({"host": "web1"}).json() == {"records": 1, "without_key": 1}
    assert held(stream, topic) == [(None, {"host": "web1"})]


def test_too_large_a_body_is_refused_while_it_is_read(stream: Stream, topic: Topic) -> None:
    with serving(stream, topic) as post:
        assert post(b" " * (MOST_BYTES + 1)).status_code == 413
        assert post(b'{"service": "a"}' + b" " * (MOST_BYTES - 16)).status_code == 200


def test_with_a_token_only_who_knows_it_is_let_in(stream: Stream, topic: Topic) -> None:
    with serving(stream, topic, token="s3cret") as post:
        event = {"service": "pay"}
        assert post(event).status_code == 401
        assert post(event, Authorization="Bearer s3cre").status_code == 401
        assert post(event, Authorization="Bearer s3cret").status_code == 200
    assert len(held(stream, topic)) == 1


def test_cloudevents_keep_their_mode(stream: Stream, topic: Topic) -> None:
    attributes = {"specversion": "1.0", "id": "1", "source": "shop/web", "type": "order"}
    binary = {f"ce_{name}": value for name, value in attributes.items()}
    with serving(stream, topic) as post:
        assert post({**attributes, "data": {"service": "pay"}}).status_code == 200
        assert post({"service": "pay"}, content_type="application/json", **binary).status_code == 200
        refused = post({"service": "pay"}, ce_specversion="1.0", ce_id="1")
        assert (refused.status_code, "'source' is missing" in refused.json()["error"]) == (400, True)
    records = [record for _, record in stream.scan(topic.topic)]
    assert [record.key for record in records] == [b"pay", b"pay"]
    structured, from_headers = Decoder(topic, 0).decode(records).events
    assert structured.identity.split("|")[:2] == from_headers.identity.split("|")[:2] == ["shop/web", "1"]
    assert from_headers.fields["ce.type"] == "order"


def test_other_methods_and_paths_are_not_served(stream: Stream, topic: Topic) -> None:
    with serving(stream, topic) as post:
        url = post({"service": "pay"}).url
        assert httpx2.get(url).status_code == 405
        assert httpx2.post(url.join("/elsewhere"), json={}).status_code == 404
        assert httpx2.get(url.join("/readyz")).json()["status"] == "ok"
        assert 'dutyd_posts_total{status="200"}' in httpx2.get(url.join("/metrics")).text


def test_many_posts_at_once_are_all_there(stream: Stream, topic: Topic) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with serving(stream, topic) as post, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: post({"service": "pay", "n": n}), range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(value["n"] for _, value in held(stream, topic)) == list(range(200))


@pytest.fixture
def falling(unique: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ValkeyServer, Stream, Topic]]:
    """A broker that the test stops and starts, its stream, and a topic on it; the bridge gives up on it soon."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)
    server = ValkeyServer()
    server.start()
    stream = open_stream(server.url, {}, connect=connect)
    topic = Topic(alias="alerts", topic=unique)
    ensure_topic(stream, topic)
    yield server, stream, topic
    stream.close()
    server.remove()


def eventually(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_while_the_broker_is_away_the_sender_is_told_to_come_back(falling: tuple[ValkeyServer, Stream, Topic]) -> None:
    server, stream, topic = falling
    with serving(stream, topic) as post:
        server.stop()
        away = post({"n": 1})
        assert (away.status_code, "send" in away.json()["error"]) == (503, True)
        assert httpx2.get(away.url.join("/readyz")).status_code == 503
        server.start()
        eventually(lambda: post({"n": 1}).status_code == 200)
    assert {json.dumps(value) for _, value in held(stream, topic)} == {'{"n": 1}'}


def test_an_alert_outlives_an_outage_because_alertmanager_sends_it_again(
    falling: tuple[ValkeyServer, Stream, Topic], alertmanager: MonitoringServer, unique: str
) -> None:
    server, stream, topic = falling
    with serving(stream, topic) as post:
        url = str(post({"before": True}).url)
        mine = {"receiver": "bridge", "matchers": [f"alertname={unique}"]}
        route = {"receiver": "nobody", "routes": [mine], "group_wait": "0s", "group_interval": "1m"}
        receivers = [{"name": "nobody"}, {"name": "bridge", "webhook_configs": [{"url": url}]}]
        alertmanager.configure({"route": route, "receivers": receivers})
        server.stop()
        told_off = REGISTRY.get_sample_value("dutyd_posts_total", {"status": "503"}) or 0
        alerts = [{"labels": {"alertname": unique}}]
        httpx2.post(f"{alertmanager.url}/api/v2/alerts", json=alerts).raise_for_status()
        eventually(lambda: (REGISTRY.get_sample_value("dutyd_posts_total", {"status": "503"}) or 0) > told_off)
        server.start()
        eventually(lambda: len(held(stream, topic)) > 1)
        alertmanager.configure(SILENT)
    message = held(stream, topic)[-1][1]
    assert [each["labels"]["alertname"] for each in message["alerts"]] == [unique]
