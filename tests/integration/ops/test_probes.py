"""The probes and the metrics, asked over real HTTP."""

import socket
import threading
import time

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dutyd.core.errors import SettingsError
from dutyd.core.metrics import DROPPED
from dutyd.ops import http
from dutyd.ops.http import Checks, HttpServer, probes


def fine() -> str:
    return ""


def ask(path: str, *, alive: Checks, ready: Checks) -> httpx2.Response:
    with HttpServer(probes(alive, ready, {}), "127.0.0.1", 0) as server:
        return httpx2.get(server.url + path)


def test_a_healthy_process_says_what_was_looked_at() -> None:
    answer = ask("/readyz", alive={"loop": fine}, ready={"redis": fine})
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "checks": {"loop": "ok", "redis": "ok"}}


def test_a_failing_check_is_named_with_its_reason() -> None:
    answer = ask("/readyz", alive={"loop": fine}, ready={"redis": lambda: "does not answer", "broker": fine})
    assert answer.status_code == 503
    checks = {"loop": "ok", "redis": "does not answer", "broker": "ok"}
    assert answer.json() == {"status": "failing", "checks": checks}


def test_a_note_is_told_and_makes_nothing_fail() -> None:
    app = probes({}, {"redis": fine}, {}, notes={"topics": lambda: "to be created: orders", "others": fine})
    with HttpServer(app, "127.0.0.1", 0) as server:
        answer = httpx2.get(f"{server.url}/readyz")
    assert answer.status_code == 200
    said = {"status": "ok", "checks": {"redis": "ok"}, "notes": {"topics": "to be created: orders"}}
    assert answer.json() == said


def test_what_only_readiness_needs_does_not_kill_a_process() -> None:
    answer = ask("/healthz", alive={"loop": fine}, ready={"redis": lambda: "does not answer"})
    assert answer.status_code == 200


def test_a_start_that_takes_long_says_what_it_waits_for() -> None:
    with HttpServer(probes({}, {}, {"rules": lambda: "not loaded yet", "broker": fine}), "127.0.0.1", 0) as server:
        answer = httpx2.get(f"{server.url}/startupz")
    checks = {"rules": "not loaded yet", "broker": "ok"}
    assert (answer.status_code, answer.json()) == (503, {"status": "failing", "checks": checks})


def test_a_client_that_never_ends_its_request_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dutyd.ops.http.GRACE", 1, raising=False)
    arrived = threading.Event()

    async def takes_all(request: Request) -> Response:
        arrived.set()
        return Response(await request.body())

    app = probes({}, {}, {}, [Route("/api", takes_all, methods=["POST"])])
    server = HttpServer(app, "127.0.0.1", 0).__enter__()
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as client:
        client.sendall(b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        assert arrived.wait(10)
        ending = threading.Thread(target=server.__exit__, args=(None, None, None), daemon=True)
        ending.start()
        ending.join(10)
        assert not ending.is_alive()


def test_a_check_that_breaks_fails() -> None:
    def breaks() -> str:
        raise RuntimeError("odd")

    answer = ask("/healthz", alive={"loop": breaks}, ready={})
    assert (answer.status_code, answer.json()["checks"]) == (503, {"loop": "RuntimeError: odd"})


def test_a_check_that_hangs_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PATIENCE", 0.05)

    def hangs() -> str:
        time.sleep(0.5)
        return ""

    answer = ask("/healthz", alive={"loop": hangs}, ready={})
    assert (answer.status_code, answer.json()["checks"]) == (503, {"loop": "no answer in 0.05 s"})


def test_metrics_are_served_in_the_format_that_is_asked_for() -> None:
    DROPPED.labels("duplicate").inc()
    with HttpServer(probes({}, {}, {}), "127.0.0.1", 0) as server:
        plain = httpx2.get(f"{server.url}/metrics")
        open_ = httpx2.get(f"{server.url}/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert 'dutyd_events_dropped_total{reason="duplicate"}' in plain.text
    assert plain.headers["content-type"].startswith("text/plain")
    assert open_.text.endswith("# EOF\n")


def test_a_taken_port_is_said() -> None:
    with HttpServer(probes({}, {}, {}), "127.0.0.1", 0) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(SettingsError, match=f"http: 127.0.0.1:{port} can't be used: .*choose another port"):
            HttpServer(probes({}, {}, {}), "127.0.0.1", port)
