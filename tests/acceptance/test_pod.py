"""The chart's pods as processes on a real broker and a real Valkey: probes, live rules, drain."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dutyd.embedded.backoffice import app
from dutyd.embedded.loopback import Loopback
from dutyd.ledger.connect import connect
from dutyd.stream import open_stream
from dutyd.stream.base import Producer, TopicSpec
from support.broker import Broker
from support.chart.pod import PATIENCE, Pod, running_pods
from support.chart.render import render
from support.daemon import FAMILIES

RULE = """\
language: 1
rules:
  - id: {id}
    from: metrics
    per: [service]
    when: error_count > {limit}
    mode: act
    steps:
      page: {{tool: send_alert, with: {{severity: critical, summary: "{id} {{{{ service }}}}"}}}}
"""
BEFORE, AFTER = RULE.format(id="before", limit=10), RULE.format(id="after", limit=3)
GOOD = "dutyd_rules_last_reload_successful"
WRONG = AFTER.replace("error_count", "error_count >")


@dataclass
class Release:
    """A release whose pods run here."""

    pods: dict[str, Pod]
    office: str
    producer: Producer
    topic: str

    @property
    def evaluator(self) -> Pod:
        """The pod that judges events."""
        return next(pod for name, pod in self.pods.items() if name != "worker")

    def publish(self, service: str, errors: int) -> None:
        """Publish an event."""
        event = {"service": service, "error_count": errors}
        self.producer.send(self.topic, json.dumps(event).encode(), key=service.encode())
        self.producer.flush()

    def pages(self) -> list[str]:
        """Return the pages that went out."""
        return sorted(str(each["summary"]) for each in httpx2.get(f"{self.office}/alerts").json())

    def asked(self) -> list[str]:
        """Return the requests for pages that the back office has got, answered or not."""
        found = httpx2.get(f"{self.office}/requests").json()
        return [each["key"] for each in found if each["path"].endswith("alerts")]

    def effects(self) -> list[str]:
        """Return the states of all effects, as the ledger has them."""
        listed = self.evaluator.run("effects", "list", "--json")
        return [each["state"] for each in json.loads(listed.stdout)]

    def wait(self, until: Callable[[], bool], what: str) -> None:
        """Wait until *until* holds."""
        deadline = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < deadline, f"{what}: {self.pages()}\n{self.evaluator.log()}"
            time.sleep(0.1)


@pytest.fixture(params=["split", "all"])
def release(
    request: pytest.FixtureRequest, tmp_path: Path, unique: str, real_broker: Broker, valkey_url: str
) -> Iterator[Release]:
    with Loopback(app(tmp_path / "backoffice.db")) as office:
        values: dict[str, Any] = {
            "role": request.param,
            "settings": {
                "installation": unique,
                "stream": f"kafka://{real_broker.address}",
                "redis": valkey_url,
                "topics": {"metrics": {"topic": f"{unique}.metrics", "partitioned_by": ["service"]}},
                "providers": {family: {"kind": "backoffice", "url": office.url} for family in FAMILIES},
                "kafka": {"session": "6s"},
            },
            "rules": {"inline": {"rules.yaml": BEFORE}},
            "policy": {"inline": {"mode": "act", "money": {"currency": "EUR", "per_day": 1_000_000}}},
            "drainSeconds": 5,
        }
        stream = open_stream(f"kafka://{real_broker.address}", {}, connect=connect)
        stream.ensure(TopicSpec(f"{unique}.metrics", 3))
        producer = stream.producer()
        with running_pods(render(values), tmp_path) as pods:
            yield Release(pods, office.url, producer, f"{unique}.metrics")
        producer.close()
        stream.close()


def test_pods_start_take_rules_live_refuse_wrong_ones_and_drain(release: Release) -> None:
    roles = {"evaluator", "worker"} if len(release.pods) == 2 else {"all"}
    assert set(release.pods) == roles
    # Started, alive, ready: what the kubelet asks, in its order.
    for pod in release.pods.values():
        pod.wait_for("startup")
    for pod in release.pods.values():
        pod.wait_for("readiness")
        assert pod.passes("liveness")
    # What `helm test` runs, in the pod: its settings, rules, policy and servers are all right.
    looked = release.evaluator.run("doctor")
    assert looked.returncode == 0, looked.stdout
    release.publish("one", 12)
    release.wait(lambda: release.pages() == ["before one"], "the first page")

    # A changed ConfigMap: the same link is swapped in every pod, nothing is restarted.
    for pod in release.pods.values():
        pod.update("rules", {"rules.yaml": AFTER})
    release.wait(lambda: "rules are in force" in release.evaluator.log(), "the changed rules")
    release.publish("two", 5)
    release.wait(lambda: "after two" in release.pages(), "a page of the changed rule")

    # A wrong one is refused: the metric and the log say so, and the good ones stay.
    for pod in release.pods.values():
        pod.update("rules", {"rules.yaml": WRONG})
    release.wait(lambda: release.evaluator.metric(GOOD) == 0, "a refused reload")
    assert release.evaluator.metric("dutyd_rules_rejected_total") == 1
    assert "changed rule files are wrong: the last good set stays" in release.evaluator.log()
    release.publish("three", 5)
    release.wait(lambda: "after three" in release.pages(), "a page of the last good rule")
    assert all(pod.passes("readiness") and pod.passes("liveness") for pod in release.pods.values())

    # SIGTERM in the middle of an effect: it is brought to its end, within the grace period, and the pod is gone.
    httpx2.post(f"{release.office}/faults", json={"path": "/alerts", "do": "stall", "seconds": 2}).raise_for_status()
    release.publish("four", 5)
    release.wait(lambda: len(release.asked()) == 4, "the fourth page is on its way")
    assert {name: pod.terminate() for name, pod in release.pods.items()} == dict.fromkeys(roles, 0)
    assert all("dutyd has stopped" in pod.log() for pod in release.pods.values())
    assert release.pages() == ["after four", "after three", "after two", "before one"]
    assert release.effects() == ["DONE"] * 4
    assert not [file for pod in release.pods.values() for file in pod.written()]
