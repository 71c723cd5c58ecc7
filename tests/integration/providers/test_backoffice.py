"""The embedded back office over real HTTP: once per key, faults, restarts, data, the page."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dutyd.core.errors import SettingsError
from dutyd.embedded.backoffice import app
from dutyd.embedded.loopback import Loopback

TICKET = {"project": "OPS", "kind": "incident", "title": "Errors", "body": "checkout fails"}
ORDER = {"sku": "21212", "supplier": "S5", "quantity": 2727, "unit_price": 2.5, "currency": "EUR"}
ALERT = {"severity": "critical", "summary": "checkout: 12 errors"}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "office" / "backoffice.db"


@pytest.fixture
def office(db: Path) -> Iterator[httpx2.Client]:
    with Loopback(app(db)) as server, httpx2.Client(base_url=server.url, timeout=30) as client:
        yield client


def post(client: httpx2.Client, path: str, body: Mapping[str, Any], key: str = "k1", **headers: str) -> httpx2.Response:
    return client.post(path, json=body, headers={"Idempotency-Key": key, **headers})


def rows(client: httpx2.Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()
    return listed


def test_what_is_made_is_listed_with_its_key(office: httpx2.Client) -> None:
    made = post(office, "/purchase-orders", ORDER)
    assert made.status_code == 201
    listed = rows(office, "/purchase-orders")
    assert listed == [made.json()]
    assert listed[0].items() >= {"key": "k1", "status": "draft", **ORDER}.items()
    assert listed[0]["id"] == "PO-1"


def test_a_repeated_request_gets_the_stored_answer_and_makes_nothing(office: httpx2.Client) -> None:
    first = post(office, "/tickets", TICKET)
    second = post(office, "/tickets", TICKET)
    assert (second.status_code, second.json()) == (200, first.json())
    assert len(rows(office, "/tickets")) == 1
    assert len(rows(office, "/executions")) == 1
    assert rows(office, "/requests") == [{"path": "/tickets", "key": "k1", "count": 2}]


def test_a_key_of_another_request_is_refused(office: httpx2.Client) -> None:
    post(office, "/tickets", TICKET)
    assert post(office, "/tickets", TICKET | {"title": "Other"}).status_code == 422
    assert post(office, "/purchase-orders", ORDER).status_code == 422
    assert len(rows(office, "/executions")) == 1


def test_requests_without_a_key_are_separate(office: httpx2.Client) -> None:
    for _ in range(2):
        assert office.post("/tickets", json=TICKET).status_code == 201
    assert [ticket["key"] for ticket in rows(office, "/tickets")] == [None, None]


def test_a_key_is_found_with_what_was_made(office: httpx2.Client) -> None:
    made = post(office, "/tickets", TICKET).json()
    assert office.get("/effects/k1").json() == {"path": "tickets", "answer": made, "copies": 1}
    assert office.get("/effects/k2").status_code == 404


@pytest.mark.parametrize("kind", ["B", "C"])
def test_played_without_recognition_of_keys_it_makes_a_second(office: httpx2.Client, kind: str) -> None:
    for _ in range(2):
        assert post(office, "/tickets", TICKET, **{"X-Provider-Class": kind}).status_code == 201
    assert [execution["key"] for execution in rows(office, "/executions")] == ["k1", "k1"]


def test_played_without_a_search_it_finds_nothing(office: httpx2.Client) -> None:
    post(office, "/tickets", TICKET)
    assert office.get("/effects/k1", headers={"X-Provider-Class": "B"}).status_code == 200
    assert office.get("/effects/k1", headers={"X-Provider-Class": "C"}).status_code == 404


def test_resolving_and_placing_change_what_they_are_about(office: httpx2.Client) -> None:
    alert = post(office, "/alerts", ALERT, "a").json()["id"]
    order = post(office, "/purchase-orders", ORDER, "o").json()["id"]
    assert post(office, "/alert-resolutions", {"alert": alert}, "r").status_code == 201
    assert post(office, "/placements", {"order": order}, "p").status_code == 201
    assert rows(office, "/alerts")[0]["status"] == "resolved"
    assert rows(office, "/purchase-orders")[0]["status"] == "placed"


def test_an_order_is_placed_only_once_whatever_the_key(office: httpx2.Client) -> None:
    order = post(office, "/purchase-orders", ORDER, "o").json()["id"]
    post(office, "/placements", {"order": order}, "p")
    again = post(office, "/placements", {"order": order}, "q")
    assert (again.status_code, again.json()["error"]) == (422, "placements: PO-1 is placed, not draft")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/comments", {"ticket": "T-99", "text": "hm"}, 404),
        ("/comments", {"ticket": "", "text": "hm"}, 422),
        ("/comments", {"text": "hm"}, 422),
        ("/alert-resolutions", {"alert": "PO-1"}, 404),
        ("/tickets", TICKET | {"colour": "red"}, 422),
    ],
)
def test_a_wrong_body_makes_nothing(office: httpx2.Client, path: str, body: dict[str, str], status: int) -> None:
    post(office, "/purchase-orders", ORDER, "o")
    assert post(office, path, body, "k").status_code == status
    assert len(rows(office, "/executions")) == 1


def test_a_body_that_is_no_json_object_is_refused(office: httpx2.Client) -> None:
    assert office.post("/tickets", content=b"{").status_code == 400
    assert office.post("/tickets", content=b"[" * 100_000).status_code == 400
    assert office.post("/tickets", content=b"[1]").status_code == 422
    assert office.post("/tickets", json=TICKET, headers={"Idempotency-Key": "k" * 256}).status_code == 400


def test_everything_is_there_again_after_a_restart(db: Path) -> None:
    with Loopback(app(db)) as server, httpx2.Client(base_url=server.url) as client:
        made = post(client, "/tickets", TICKET).json()
    with Loopback(app(db)) as server, httpx2.Client(base_url=server.url) as client:
        assert rows(client, "/tickets") == [made]
        assert post(client, "/tickets", TICKET).json() == made


SERVE = "import sys, pathlib, dutyd.embedded.backoffice as b; b.serve(int(sys.argv[1]), pathlib.Path(sys.argv[2]))"


@contextmanager
def served(port: int, db: Path) -> Iterator[tuple["subprocess.Popen[bytes]", httpx2.Client]]:
    command = [sys.executable, "-c", SERVE, str(port), str(db)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        assert process.stdout is not None
        assert b"back office listens" in process.stdout.readline()
        yield process, client
        process.kill()


def test_what_was_answered_survives_a_kill_and_the_port_serves_again(db: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with served(port, db) as (process, client):
        made = [post(client, "/tickets", TICKET, str(at)).json() for at in range(20)]
        process.kill()
    with served(port, db) as (process, client):
        assert rows(client, "/tickets") == made
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("this is not a database, but it is long enough to be taken for one" * 20)
    with pytest.raises(SettingsError, match="name another file"):
        app(tmp_path / "x")


def test_a_foreign_host_name_is_turned_away(office: httpx2.Client) -> None:
    assert office.get("/tickets", headers={"Host": "evil.example"}).status_code == 400


def order_fault(client: httpx2.Client, **fault: object) -> None:
    assert client.post("/faults", json={"path": "/tickets", **fault}).status_code == 200


def test_an_ordered_failure_hits_as_often_as_ordered_and_does_nothing(office: httpx2.Client) -> None:
    order_fault(office, do="fail", status=503, times=2)
    assert [post(office, "/tickets", TICKET).status_code for _ in range(3)] == [503, 503, 201]
    assert rows(office, "/requests")[0]["count"] == 3
    assert len(rows(office, "/executions")) == 1


def test_a_failure_can_name_a_delay(office: httpx2.Client) -> None:
    order_fault(office, do="fail", status=429, retry_after="7")
    assert post(office, "/tickets", TICKET).headers["Retry-After"] == "7"


def test_a_fault_hits_only_its_path_and_method(office: httpx2.Client) -> None:
    order_fault(office, do="fail")
    assert office.get("/tickets").status_code == 200
    assert post(office, "/alerts", ALERT).status_code == 201
    assert [fault["path"] for fault in rows(office, "/faults")] == ["/tickets"]
    assert office.delete("/faults").json() == []


def test_an_executed_failure_is_seen_by_the_next_request(office: httpx2.Client) -> None:
    order_fault(office, do="execute-then-fail", status=500)
    assert post(office, "/tickets", TICKET).status_code == 500
    assert len(rows(office, "/tickets")) == 1
    assert post(office, "/tickets", TICKET).status_code == 200


@pytest.mark.parametrize(("do", "made"), [("cut", 0), ("execute-then-cut", 1)])
def test_a_cut_leaves_no_answer(office: httpx2.Client, do: str, made: int) -> None:
    order_fault(office, do=do)
    with pytest.raises(httpx2.RemoteProtocolError):
        post(office, "/tickets", TICKET)
    assert len(rows(office, "/tickets")) == made


@pytest.mark.parametrize(("do", "made"), [("stall", 0), ("execute-then-stall", 1)])
def test_a_key_is_in_flight_while_its_request_stalls(office: httpx2.Client, do: str, made: int) -> None:
    order_fault(office, do=do, seconds=60)
    with pytest.raises(httpx2.ReadTimeout):
        office.post("/tickets", json=TICKET, headers={"Idempotency-Key": "k1"}, timeout=0.5)
    assert post(office, "/tickets", TICKET).status_code == 409
    assert len(rows(office, "/tickets")) == made


def test_a_stalled_request_is_done_later(office: httpx2.Client) -> None:
    order_fault(office, do="stall", seconds=0.2)
    assert post(office, "/tickets", TICKET).status_code == 201


def test_look_ups_can_fail_too(office: httpx2.Client) -> None:
    post(office, "/tickets", TICKET)
    office.post("/faults", json={"path": "/effects", "method": "GET", "do": "fail", "status": 404})
    assert office.get("/effects/k1").status_code == 404
    assert office.get("/effects/k1").status_code == 200


def test_an_unknown_fault_is_told_with_the_known_ones(office: httpx2.Client) -> None:
    answer = office.post("/faults", json={"path": "/tickets", "do": "explode"})
    assert answer.status_code == 422
    assert "execute-then-stall" in answer.json()["error"]


def test_stock_is_the_newest_state_of_a_place_with_all_that_was_told(office: httpx2.Client) -> None:
    told = {"sku": "1", "location": "main", "inventory_level": 3, "reorder_point": 9, "supplier": "S5"}
    assert office.post("/stock", json=[told, told | {"location": "shop"}]).json() == {"taken": 2}
    office.post("/stock", json=told | {"inventory_level": 2})
    assert rows(office, "/stock?sku=1&location=main")[0].items() >= {"inventory_level": 2.0, "supplier": "S5"}.items()
    assert len(rows(office, "/stock?sku=1")) == 2
    assert rows(office, "/stock?sku=2") == []


def test_a_day_of_demand_told_twice_counts_once(office: httpx2.Client) -> None:
    told = [{"sku": "1", "day": "2026-01-02", "quantity": 4}, {"sku": "1", "day": "2026-01-01", "quantity": 3}]
    office.post("/demand", json=told)
    office.post("/demand", json={"sku": "1", "day": "2026-01-02", "quantity": 5})
    assert [row["quantity"] for row in rows(office, "/demand?sku=1")] == [3.0, 5.0]


def test_samples_are_told_by_metric_label_and_age(office: httpx2.Client) -> None:
    old = {"metric": "rt", "value": 9, "time": "2020-01-01T00:00:00Z", "labels": {"service": "pay"}}
    new = {"metric": "rt", "value": 1, "labels": {"service": "pay", "host": "a"}}
    office.post("/samples", json=[old, new, new | {"metric": "other"}])
    assert [row["value"] for row in rows(office, "/samples?metric=rt")] == [9.0, 1.0]
    assert [row["value"] for row in rows(office, "/samples?metric=rt&minutes=5")] == [1.0]
    assert [row["value"] for row in rows(office, '/samples?metric=rt&labels={"host":"a"}')] == [1.0]
    assert rows(office, "/samples?metric=rt")[0]["time"] == "2020-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/stock", {"sku": "1"}),
        ("/demand", {"sku": "1", "day": "yesterday", "quantity": 1}),
        ("/samples", [{"metric": "rt", "value": "NaN"}]),
    ],
)
def test_wrong_data_is_refused(office: httpx2.Client, path: str, body: object) -> None:
    assert office.post(path, json=body).status_code == 422


def test_tickets_are_searched_by_every_word_and_project(office: httpx2.Client) -> None:
    post(office, "/tickets", TICKET, "1")
    post(office, "/tickets", TICKET | {"project": "NET", "title": "Slow"}, "2")
    assert [ticket["key"] for ticket in rows(office, "/tickets?query=CHECKOUT errors")] == ["1"]
    assert [ticket["key"] for ticket in rows(office, "/tickets?query=checkout&project=NET")] == ["2"]
    assert rows(office, "/tickets?query=printer") == []


def test_the_page_shows_everything_escaped_and_newest_first(office: httpx2.Client) -> None:
    for at, title in enumerate(["<script>alert(1)</script>", "second & last"]):
        post(office, "/tickets", TICKET | {"title": title}, str(at))
    office.post("/stock", json={"sku": "<b>", "inventory_level": 3})
    answer = office.get("/")
    page = answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in page
    assert "<b>" not in page
    assert page.index("second &amp; last") < page.index("&lt;script&gt;alert(1)")
