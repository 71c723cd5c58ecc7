"""Alerts and dashboard of the chart: of metrics that the program has, with a runbook, firing when they should.

What Prometheus thinks of them says promtool, from Debian's package where that can be had.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Gauge, Histogram, Info

from dutyd.core import metrics
from support.chart.render import CHART, ROOT, of_kind, render, values_of
from support.debian import tree
from support.needs import skipped_where_unavailable

VALUES = {**values_of(CHART / "ci" / "minimal-values.yaml"), "prometheusRule": {"enabled": True}}
OF = 'namespace="ops",job="duty"'


def spec() -> dict[str, Any]:
    return dict(of_kind(render(VALUES), "PrometheusRule")[0]["spec"])


def alerts() -> list[dict[str, Any]]:
    return [rule for group in spec()["groups"] for rule in group["rules"]]


def expressions_of_the_dashboard() -> list[str]:
    board = json.loads((CHART / "dashboards" / "dutyd.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def samples() -> dict[str, set[str]]:
    """Return the names of all samples of the program, with their labels."""
    found: dict[str, set[str]] = {}
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge | Histogram | Info):
            (family,) = metric.describe()
            ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "info": ["_info"]}
            for end in ends.get(family.type, [""]):
                more = {"le"} if end == "_bucket" else set()
                found[family.name + end] = {*metric._labelnames, *more}
    return found


@pytest.mark.parametrize("place", ["alerts", "dashboard"])
def test_only_metrics_that_the_program_has_are_named(place: str) -> None:
    texts = [rule["expr"] for rule in alerts()] if place == "alerts" else expressions_of_the_dashboard()
    assert len(texts) >= 10
    for text in texts:
        named = set(re.findall(r"\bdutyd_\w+", text))
        assert named
        assert named <= samples().keys(), text
        known = {label for name in named for label in samples()[name]} | {"namespace", "job", "pod"}
        for group in re.findall(r"by \(([^)]*)\)", text):
            assert {label.strip() for label in group.split(",")} <= known, text
        for matchers in re.findall(r"\{([^}]*)\}", text):
            assert set(re.findall(r"(\w+)=", matchers)) <= known, text


def test_every_alert_leads_to_a_heading_of_the_runbook() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    headings = re.findall(r"^#{2,3} (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for rule in alerts():
        file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (ROOT / file).is_file()
        assert anchor in anchors, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_the_alerts_watch_what_an_installation_must_not_miss() -> None:
    watched = {name for rule in alerts() for name in re.findall(r"\w+", rule["expr"])}
    for metric in (
        metrics.LAG,
        metrics.RULES_GOOD,
        metrics.EFFECTS_OPEN,
        metrics.OLDEST_DUE,
        metrics.LAST_HEARTBEAT,
        metrics.LAST_POLL,
        metrics.LAST_TURN,
    ):
        assert {metric._name, f"{metric._name}_total"} & watched, metric._name


def test_the_dashboard_is_what_the_sidecar_looks_for() -> None:
    (found,) = (
        each
        for each in of_kind(render({**VALUES, "dashboard": {"enabled": True}}), "ConfigMap")
        if "dutyd.json" in each["data"]
    )
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    board = json.loads(found["data"]["dutyd.json"])
    assert board["title"] == "dutyd"
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(places) == len(set(places))
    assert len({panel["id"] for panel in board["panels"]}) == len(places)


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus' own checker."""
    with skipped_where_unavailable():
        return str(tree("prometheus").program("usr/bin/promtool"))


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    said = "".join(f',{label}="{value}"' for label, value in labels.items())
    return {"series": f'{name}{{{OF},pod="a"{said}}}', "values": values}


WELL = [
    series("dutyd_last_turn_timestamp_seconds", "0+60x60"),
    series("dutyd_last_poll_timestamp_seconds", "0+60x60"),
    series("dutyd_ledger_read_timestamp_seconds", "0+60x60"),
    series("dutyd_rules_last_reload_successful", "1x60"),
    series("dutyd_consumer_lag_seconds", "1x60", topic="metrics", partition="0"),
    series("dutyd_oldest_due_seconds", "0x60"),
    series("dutyd_effects_open", "0x60", state="PARKED"),
    series("dutyd_last_heartbeat_timestamp_seconds", "0x60"),
    series("dutyd_budget_used_ratio", "0.2x60", budget="usd"),
    series("dutyd_topic_missing", "0x60", topic="metrics"),
    series("dutyd_rule_failures_total", "0x60", rule="r"),
    series("dutyd_dead_letters_total", "0x60", topic="metrics"),
    series("dutyd_breaches_total", "0x60", provider="ticketing", kind="double"),
    series("dutyd_let_go_total", "0x60", provider="ticketing"),
    series("dutyd_partitions_stalled_total", "0x60", topic="metrics"),
]
"""An hour of an installation that is well, a sample a minute; its process has no heartbeat set."""

HALF = "0+60x30 1800x30"  # half an hour, then it stands still

ILL = {
    "DutydStandsStill": ("dutyd_last_turn_timestamp_seconds", HALF),
    "DutydIsAway": ("dutyd_last_turn_timestamp_seconds", "0+60x30 _x30"),
    "DutydNobodyActs": ("dutyd_ledger_read_timestamp_seconds", HALF),
    "DutydLags": ("dutyd_consumer_lag_seconds", "1x30 0+60x30"),
    "DutydIncidentsWait": ("dutyd_oldest_due_seconds", "0x30 0+60x30"),
    "DutydEffectParked": ("dutyd_effects_open", "0x30 1x30"),
    "DutydRulesRejected": ("dutyd_rules_last_reload_successful", "1x30 0x30"),
    "DutydTopicMissing": ("dutyd_topic_missing", "0x30 1x30"),
    "DutydHeartbeatFails": ("dutyd_last_heartbeat_timestamp_seconds", HALF),
    "DutydLimitNearlyUsed": ("dutyd_budget_used_ratio", "0.2x30 0.9x30"),
    "DutydRuleFails": ("dutyd_rule_failures_total", "0x30 0+1x30"),
    "DutydDeadLetters": ("dutyd_dead_letters_total", "0x30 0+5x30"),
    "DutydBreach": ("dutyd_breaches_total", "0x30 1x30"),
    "DutydLetGo": ("dutyd_let_go_total", "0x30 1x30"),
    "DutydPartitionStalled": ("dutyd_partitions_stalled_total", "0x30 0+1x30"),
}
"""For each alert the series that goes wrong after half an hour."""

ALSO = {"DutydIsAway": set(), "DutydStandsStill": {"DutydIsAway"}}
"""What fires, too."""


def test_prometheus_takes_the_rules_and_they_fire_when_they_should(promtool: str, tmp_path: Path) -> None:
    rules = alerts()
    assert {rule["alert"] for rule in rules} == set(ILL), "an alert is not tried"
    (tmp_path / "rules.json").write_text(json.dumps(spec()))  # JSON is YAML
    subprocess.run([promtool, "check", "rules", "rules.json"], cwd=tmp_path, check=True, capture_output=True)
    cases = [case(None, set(), rules)]
    cases += [case(name, {name, *ALSO.get(name, set())}, rules) for name in ILL]
    (tmp_path / "test.json").write_text(
        json.dumps({"rule_files": ["rules.json"], "evaluation_interval": "1m", "tests": cases})
    )
    done = subprocess.run(
        [promtool, "test", "rules", "test.json"], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def case(ill: str | None, firing: set[str], rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a case of promtool: what fires at the end of the hour, and that nothing did before it went wrong."""
    wrong, values = ILL[ill] if ill else ("", "")
    input_ = [{**each, "values": values} if each["series"].startswith(f"{wrong}{{") and ill else each for each in WELL]
    asked = [
        {
            "expr": f'count by (alertname) (ALERTS{{alertstate="firing",alertname="{rule["alert"]}"}})',
            "eval_time": at,
            "exp_samples": [{"labels": f'{{alertname="{rule["alert"]}"}}', "value": 1}]
            if at == "60m" and rule["alert"] in firing
            else [],
        }
        for rule in rules
        for at in ("29m", "60m")
    ]
    return {"name": ill or "well", "interval": "1m", "input_series": input_, "promql_expr_test": asked}
