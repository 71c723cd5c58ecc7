"""A worker whose endpoint lacks the model of the settings says so at its start, and asks it nothing."""

import json
from pathlib import Path

from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import Script
from support.program import dutyd

RULE = """\
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: n > 1
    mode: act
    agent: {goal: "Find out why."}
    steps:
      page: {tool: send_alert, with: {severity: info, summary: x}}
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident, body: x}
        decide: {title: {text: 100}}
        fallback: {title: y}
"""


def test_a_retired_model_is_told_at_the_start_with_the_nearest_id_and_fallbacks_decide(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(RULE)
    standin = Standin(Script())
    with Loopback(standin.app) as server:
        settings = {
            "topics": {"metrics": {"partitioned_by": ["service"]}},
            "model": {"base_url": f"{server.url}/v1", "name": "kimi-k2.5"},
        }
        (tmp_path / "dutyd.yaml").write_text(json.dumps(settings))
        dutyd("publish", "-", cwd=tmp_path, stdin='{"id": "a/1", "service": "a", "n": 2}\n')
        done = dutyd("run", "--until-idle", "1s", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stderr.splitlines()]
    [held] = [line for line in told if line["event"] == "the model will not answer until somebody acts"]
    assert held["level"] == "error"
    assert "does not serve 'kimi-k2.5'; did you mean 'kimi-k2.6'?" in held["error"]
    [end] = [line for line in told if line["event"] == "agent run ended"]
    assert end["end"] == "model_rejected"
    assert {(line["tool"], line["state"]) for line in told if line["event"] == "effect"} == {
        ("send_alert", "DONE"),
        ("create_ticket", "DONE"),
    }
    assert standin.requests == 0
