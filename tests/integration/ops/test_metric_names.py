"""What is scraped follows Prometheus' conventions, by Prometheus' own word, and begins with every bounded label set."""

import subprocess

import pytest
from prometheus_client import REGISTRY
from prometheus_client.exposition import generate_latest

from dutyd.ops.series import begin_rules, begin_series
from dutyd_tools import TOOLS
from support.debian import tree
from support.needs import skipped_where_unavailable

CATALOGUE = {tool.name: tool for tool in TOOLS}


@pytest.fixture(autouse=True)
def begun() -> None:
    begin_series(["metrics-of-this-test"], CATALOGUE)
    begin_rules(["rule-of-this-test"])


def test_promtool_finds_nothing_to_say_of_our_metrics() -> None:
    with skipped_where_unavailable():
        promtool = tree("prometheus").program("usr/bin/promtool")
    ours = b"".join(line for line in generate_latest(REGISTRY).splitlines(keepends=True) if b"dutyd_" in line)
    done = subprocess.run([promtool, "check", "metrics"], input=ours, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert (done.returncode, said) == (0, "")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("dutyd_dead_letters_total", {"topic": "metrics-of-this-test"}),
        ("dutyd_partitions_stalled_total", {"topic": "metrics-of-this-test"}),
        ("dutyd_rule_failures_total", {"rule": "rule-of-this-test"}),
        ("dutyd_triggers_total", {"rule": "rule-of-this-test", "kind": "opened"}),
        ("dutyd_effects_total", {"tool": "send_alert", "state": "PARKED"}),
        ("dutyd_effects_open", {"state": "AWAITING_APPROVAL"}),
        ("dutyd_agent_runs_total", {"end": "model_down"}),
        ("dutyd_notices_total", {"kind": "parked", "result": "sent"}),
        ("dutyd_heartbeats_total", {"result": "held"}),
    ],
)
def test_a_series_is_there_before_anything_happened(name: str, labels: dict[str, str]) -> None:
    assert REGISTRY.get_sample_value(name, labels) is not None
