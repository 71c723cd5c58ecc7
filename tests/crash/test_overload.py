"""More at once than anybody expects: a storm of equal events, and many different things that are all due."""

import json
from collections import Counter
from pathlib import Path

from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import Script
from support.daemon import installation

EQUAL = 10_000
ARTICLES = 2_000

STORM = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    agent: {goal: "Say what is wrong with {{ service }}."}
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}}
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident, body: x}
        decide: {title: {text: 80}}
        fallback: {title: nobody decided}
"""
STOCK = """
language: 1
rules:
  - id: low-stock
    from: stock
    per: [sku]
    when: level < 10
    mode: act
    steps:
      order: {tool: draft_purchase_order, with: {sku: "{{ sku }}", supplier: ACME, quantity: 5}}
"""


def test_a_storm_of_equal_events_is_one_incident_and_one_run(tmp_path: Path, unique: str, valkey_url: str) -> None:
    events = tmp_path / "events.jsonl"
    lines = [json.dumps({"service": "checkout", "error_count": 12, "id": f"e{n}"}) for n in range(EQUAL)]
    events.write_text("\n".join(lines))
    model_host = Standin(Script())
    with Loopback(model_host.app) as standin:
        model = {"base_url": f"{standin.url}/v1", "name": "kimi-k2.6", "api_key_file": "key"}
        (tmp_path / "key").write_text("sk-none")
        topics = {"metrics": {"partitioned_by": ["service"]}}
        with installation(
            tmp_path, unique, STORM, topics=topics, redis=valkey_url, stream=valkey_url, model=model
        ) as one:
            one.publish("metrics", events)
            one.run_until_idle()
            (incident,) = one.command("incidents", "list")
            shown = one.command("incidents", "show", incident["id"])
            assert len(one.listed("/alerts")) == len(one.listed("/tickets")) == 1
            assert [effect["by"] for effect in one.command("effects", "list") if effect["step"] == "ticket"] == [
                "model"
            ]
            assert shown["turns"] == model_host.requests == 2  # what it decides, and its last word


def test_two_thousand_different_articles_are_all_ordered_once(tmp_path: Path, unique: str, valkey_url: str) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text("\n".join(json.dumps({"sku": f"A-{n}", "level": 1}) for n in range(ARTICLES)))
    topics = {"stock": {"partitioned_by": ["sku"]}}
    with installation(tmp_path, unique, STOCK, topics=topics, redis=valkey_url, stream=valkey_url) as one:
        one.publish("stock", events)
        one.run_until_idle()
        assert one.orders() == Counter({f"A-{n}": 1 for n in range(ARTICLES)})
