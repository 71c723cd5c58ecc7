"""A real worker is killed after the system did its work and before the ledger heard of it, in every class.

What is counted is what the outside world saw. The back office does the work and holds its answer back; that is where
the kill strikes. Alertmanager and Roundup are the real ones.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dutyd.core.incident import provider_key
from dutyd.embedded.backoffice.door import Fault
from support.daemon import Installation, installation
from support.erp import ORDER, erp_system
from support.monitoring import MonitoringServer, alertmanager_system
from support.providers import OFFICE_KINDS
from support.proxied import ProxiedSystem
from support.trackers import tracker_system

TIMEOUT = 3  # seconds: long enough that no send is given up before the kill
STALL = {"do": "execute-then-stall", "seconds": 5, "times": 100}
TOPICS = {"metrics": {"partitioned_by": ["service"]}}
EVENT = {"service": "checkout", "error_count": 12}

EXPECTED = {
    # step: how often the thing is there, and how the effect ended
    "backoffice_a": (1, "DONE"),
    "backoffice_b": (1, "DONE"),
    "backoffice_c": (1, "PARKED"),
    "backoffice_c_skip": (1, "REFUSED"),
    "backoffice_c_repeat": (2, "DONE"),
    "rest_a": (1, "DONE"),
    "rest_b": (1, "DONE"),
    "rest_c": (1, "PARKED"),
    "rest_c_skip": (1, "REFUSED"),
    "rest_c_repeat": (2, "DONE"),
    "webhook_a": (1, "DONE"),
    "webhook_c": (1, "PARKED"),
    "webhook_c_skip": (1, "REFUSED"),
    "webhook_c_repeat": (2, "DONE"),
}


def rule(name: str, steps: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "id": name,
        "from": "metrics",
        "per": ["service"],
        "when": "error_count > 10",
        "mode": "act",
        "steps": steps,
    }


def ticket(step: str) -> dict[str, Any]:
    name, class_, *unsure = step.split("_")
    args = {"project": "OPS", "kind": "incident", "title": step, "body": "x", "to": f"{name}_{class_}"}
    return {"tool": "create_ticket", "with": args, **({"if_unsure": unsure[0]} if unsure else {})}


def rules_of(*rules: Mapping[str, Any]) -> str:
    return json.dumps({"language": 1, "rules": rules})


@pytest.fixture
def shop(tmp_path: Path, unique: str, valkey_url: str) -> Iterator[Installation]:
    """An installation with a route for each kind in each class."""
    kinds = ("backoffice", "rest", "webhook")
    rules = rules_of(
        *(rule(kind, {step: ticket(step) for step in EXPECTED if step.startswith(kind)}) for kind in kinds)
    )
    with installation(tmp_path, unique, rules, topics=TOPICS, redis=valkey_url, stream=valkey_url) as made:
        settings = json.loads(made.settings.read_text())
        settings["providers"]["ticketing"]["routes"] = {
            str(kind).lower().replace("-", "_"): {
                "kind": kind.name,
                "url": f"{made.office}{kind.path}",
                "timeout": TIMEOUT,
                **kind.settings,
            }
            for kind in OFFICE_KINDS
        }
        made.settings.write_text(json.dumps(settings))
        yield made


def kill_when(one: Installation, executed: Callable[[], bool], effects: int) -> None:
    """Run, and kill when the outside world has done everything and the ledger knows of nothing."""
    (one.settings.parent / "events.jsonl").write_text(json.dumps(EVENT))
    one.publish("metrics", one.settings.parent / "events.jsonl")
    daemon, deadline = one.start(), time.monotonic() + 30
    while not executed():
        assert daemon.poll() is None, one.log()
        assert time.monotonic() < deadline, one.log()
        time.sleep(0.02)
    daemon.kill()
    daemon.wait()
    states = [row["state"] for row in one.command("effects", "list")]
    assert states == ["SENDING"] * effects


def settled_by_another_worker(one: Installation) -> list[dict[str, Any]]:
    """Let another worker go on, until every effect has ended; return them."""
    one.start("--role", "worker")
    deadline = time.monotonic() + 60
    while True:
        effects: list[dict[str, Any]] = one.command("effects", "list")
        if {row["state"] for row in effects} <= {"DONE", "REFUSED", "PARKED"}:
            return effects
        assert time.monotonic() < deadline, one.log()
        time.sleep(0.2)


def test_in_each_class_the_outside_count_is_what_was_promised(shop: Installation) -> None:
    httpx2.post(f"{shop.office}/faults", json={"path": "/tickets", **STALL}).raise_for_status()
    kill_when(shop, lambda: len(shop.listed("/executions")) == len(EXPECTED), len(EXPECTED))
    httpx2.delete(f"{shop.office}/faults").raise_for_status()
    effects = {row["step"]: row for row in settled_by_another_worker(shop)}
    count = Counter(entry["key"] for entry in shop.listed("/executions"))
    seen = {step: (count[provider_key(row["key"])], row["state"]) for step, row in effects.items()}
    assert seen == EXPECTED, shop.log()


OverAKill = Callable[[ProxiedSystem, Mapping[str, Any], Mapping[str, Any]], int]


@pytest.fixture
def requests_over_a_kill(tmp_path: Path, unique: str, valkey_url: str) -> OverAKill:
    """Have a step done by a real system, with a kill before its answer; its effect is there once and done.

    What is returned is how many requests carried its key.
    """

    def requests(system: ProxiedSystem, step: Mapping[str, Any], providers: Mapping[str, Any]) -> int:
        rules = rules_of(rule("real", {"effect": step}))
        servers = {"redis": valkey_url, "stream": valkey_url, "providers": providers}
        with installation(tmp_path, unique, rules, topics=TOPICS, **servers) as one:
            system.order(Fault(path=system.kind.searched, method="POST", **{**STALL, "times": 1}))
            kill_when(one, lambda: system.total() == 1, 1)
            (effect,) = settled_by_another_worker(one)
            key = provider_key(effect["key"])
            assert effect["state"] == "DONE"
            assert system.total() == system.made(key) == 1
            return system.requests(key)

    return requests


def test_a_page_by_alertmanager_is_one_alert(
    alertmanager: MonitoringServer, requests_over_a_kill: OverAKill, tmp_path: Path, unique: str
) -> None:
    page = {"tool": "send_alert", "with": {"severity": "critical", "summary": unique}}
    with alertmanager_system(tmp_path, alertmanager.url) as system:
        providers = {"alerting": {"kind": "alertmanager", "url": system.url, "timeout": f"{TIMEOUT}s"}}
        assert requests_over_a_kill(system, page, providers) == 2  # it was sent again


@pytest.mark.usefixtures("roundup")
def test_a_ticket_in_roundup_is_one_issue(requests_over_a_kill: OverAKill, tmp_path: Path, unique: str) -> None:
    args = {"project": "OPS", "kind": "incident", "title": unique, "body": "x"}
    with tracker_system(tmp_path) as system:
        providers = {"ticketing": {"kind": "roundup", **system.settings(timeout=f"{TIMEOUT}s")}}
        step = {"tool": "create_ticket", "with": args}
        assert requests_over_a_kill(system, step, providers) == 2  # it was sent again, and refused


@pytest.mark.usefixtures("tryton")
def test_a_draft_in_tryton_is_one_order(requests_over_a_kill: OverAKill, tmp_path: Path) -> None:
    with erp_system(tmp_path) as system:
        providers = {"purchasing": {"kind": "tryton", **system.settings(timeout=f"{TIMEOUT}s")}}
        step = {"tool": "draft_purchase_order", "with": dict(ORDER)}
        assert requests_over_a_kill(system, step, providers) == 1  # it was looked for, and found
