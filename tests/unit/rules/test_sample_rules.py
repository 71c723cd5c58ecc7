"""The rules that are shipped: right, tested, without findings, and as good as the policy they were made after."""

import json
from datetime import datetime
from pathlib import Path

from dutyd.core.event import Event
from dutyd.core.incident import TriggerKind
from dutyd.core.topic import Topic
from dutyd.evaluate.engine import State, judge, plan
from dutyd.rules.known import Known
from dutyd.rules.lints.check import find
from dutyd.rules.load import load_folder
from dutyd.rules.testing.run import run_tests
from support.needs import DATA, beside
from support.rule_files import CATALOGUE

ROOT = Path(__file__).parents[3]
RULES = ROOT / "rules"
RETAIL = DATA / "online_retail"
KNOWN = Known(
    CATALOGUE,
    topics={
        "metrics": Topic(alias="metrics", topic="metrics", partitioned_by=("service",)),
        "stock": Topic(alias="stock", topic="stock", partitioned_by=("sku", "location")),
    },
)


def test_the_shipped_rules_are_right_and_have_no_findings() -> None:
    rules = load_folder(RULES, KNOWN)
    assert sorted(rules.rules) == [
        "errors-after-deploy",
        "high-priority-alert",
        "low-stock-warning",
        "morning-report",
        "performance-optimization",
        "runs-out",
        "supplier-order",
    ]
    assert {rule.mode for rule in rules.rules.values()} == {"act"}
    assert find(rules, KNOWN) == ()


def test_every_shipped_rule_is_tested_and_passes() -> None:
    tested = run_tests(RULES, KNOWN)
    assert [(verdict.name, verdict.differences) for verdict in tested.verdicts if not verdict.passed] == []
    assert len(tested.verdicts) >= 15
    assert tested.untested == ()


def test_no_shipped_rule_can_scale_or_place_an_order() -> None:
    steps = [step for rule in load_folder(RULES, KNOWN).rules.values() for step in rule.steps.values()]
    assert {step.tool for step in steps} == {
        "send_alert",
        "create_ticket",
        "notify",
        "predict_demand",
        "draft_purchase_order",
        "query_metrics",
        "search_runbooks",
        "search_tickets",
    }


@beside("online_retail")
def test_a_year_of_a_real_shop_orders_when_its_policy_does() -> None:
    rule = load_folder(RULES, KNOWN).rules["low-stock-warning"]
    plan_, state, opened = plan([rule]), State(), set()
    for number, line in enumerate((RETAIL / "stock_events.jsonl").read_text().splitlines()):
        fields = json.loads(line)
        day, time = fields["time"][:10], datetime.fromisoformat(fields["time"]).timestamp()
        changes = judge(plan_, state, "stock", [Event(fields["id"], "stock", time, time, number, fields)])
        opened |= {(change.entity[0], day) for change in changes if change.kind is TriggerKind.OPENED}
    expected = [json.loads(line) for line in (RETAIL / "expected_reorders.jsonl").read_text().splitlines()]
    assert opened == {(one["sku"], day) for one in expected for day in one["purchase_orders_once_per_open_order"]}
    assert len(opened) == 238
