"""Kafka as companies run it: TLS, a login, topics by an administrator, exact rights; and what wrong settings say."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import ACLOperation

from dutyd.cli.failures import Exit
from dutyd.core.topic import OwnTopics
from dutyd.stream import kafka as backend
from dutyd.stream.base import TopicSpec
from dutyd.stream.fit import Access, Kind, evaluator_needs, publisher_needs, worker_needs
from dutyd.stream.kafka import KafkaStream
from dutyd.stream.own_topics import own_topics
from support.broker import free_port
from support.daemon import installation
from support.guarded import PASSWORD, Guarded
from support.kafka_tools import administrator_tools
from support.pages import blocks
from support.program import Program, dutyd, environment

RULES = """\
language: 1
rules:
  - id: high-errors
    from: metrics
    per: [service]
    when: errors > 10
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }} is failing"}}
"""


def grant(guarded: Guarded, needs: tuple[Access, ...]) -> None:
    for need in needs:
        allow = guarded.allow_topic if need.kind is Kind.TOPIC else guarded.allow_group
        allow(need.name, ACLOperation[need.right.name])


def section(guarded: Guarded, folder: Path, password: str = PASSWORD) -> dict[str, str]:
    """The ``kafka`` section as somebody writes it: the password is in a file."""
    (folder / "password").write_text(f"{password}\n")
    named = {name: value for name, value in guarded.scram.items() if name != "password"}
    return named | {"password_file": str(folder / "password")}


PAGE = Path(__file__).parents[2] / "docs" / "kafka.md"


def administrate(guarded: Guarded, unique: str, folder: Path) -> None:
    """Do what the page tells administrators to do, for an installation called *unique*."""
    tools = administrator_tools(folder)
    shown = [block.text for block in blocks(PAGE) if block.language == "sh"]
    assert [len(text.splitlines()) for text in shown] == [4, 1, 3]
    commands = "".join(shown).replace("dutyd.", f"{unique}.").replace("--topic metrics", f"--topic {unique}.metrics")
    variables = environment(BROKER=f"127.0.0.1:{guarded.ports['PLAINTEXT']}")
    path = {"PATH": f"{tools}:{variables['PATH']}"}
    subprocess.run(["sh", "-euc", commands], env=variables | path, check=True, capture_output=True, timeout=120)


def test_after_what_the_page_tells_an_administrator_to_do_events_become_effects(
    guarded: Guarded, tmp_path: Path, valkey_url: str, unique: str
) -> None:
    plain = KafkaStream(guarded.url("PLAINTEXT"), {})
    plain.ensure(TopicSpec(f"{unique}.metrics", 3))
    administrate(guarded, unique, tmp_path)
    found = [each for spec in own_topics(OwnTopics(unique, (("metrics", 3),))) for each in plain.differences(spec)]
    assert {each.what for each in found} <= {"replicas"}  # there is one broker
    plain.close()
    settings = {"stream": guarded.url(), "redis": valkey_url, "kafka": section(guarded, tmp_path)}
    topics = {"metrics": {"partitioned_by": ["host"], "rekey": True}}  # the rules are per service
    with installation(tmp_path, unique, RULES, topics=topics, **settings) as installed:
        events = tmp_path / "events.jsonl"
        told = [{"service": name, "host": f"of-{name}", "errors": 40} for name in "abc"]
        events.write_text("".join(json.dumps(each) + "\n" for each in told))
        installed.publish("metrics", events)
        installed.run_until_idle()
        assert {alert["summary"] for alert in installed.listed("/alerts")} == {f"{name} is failing" for name in "abc"}


def test_the_page_lists_every_right_and_no_other() -> None:
    row = r"^\| (topic|group) `([^`]+)` \| `(\w+)` \| (\w+) \| (.+) \|$"
    listed = set(re.findall(row, PAGE.read_text(), re.MULTILINE))
    own = OwnTopics("NAME", (("ALIAS", 3),))
    needs = {
        "evaluator": evaluator_needs(own, ("SOURCE",)),
        "worker": worker_needs(own),
        "publish": publisher_needs("SOURCE"),
    }
    both = set(needs["evaluator"]) & set(needs["worker"])
    every = {
        (need.kind.value, need.name, need.right.value, "both" if need in both else who, need.why)
        for who, theirs in needs.items()
        for need in theirs
    }
    on_each = {(right, why) for _, _, right, who, why in every if who == "both" and right != "Write"}
    assert listed == {row for row in every if (row[2], row[4]) not in on_each}
    assert on_each == set(
        re.findall(r"^\| each own topic \| `(\w+)` \| both \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    )


def test_the_page_quotes_what_dutyd_says() -> None:
    _, _, table = PAGE.read_text().partition("| the line says |")
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) > 15
    code = "".join(file.read_text() for file in Path(backend.__file__).parent.glob("*.py"))
    for row in rows:
        for quoted in re.findall(r"`([^`]+)`", row):
            assert quoted in code


Wrong = Callable[[Guarded, Path], dict[str, Any]]

WRONG: dict[str, tuple[Wrong, Exit, str]] = {
    "password": (
        lambda guarded, folder: {"kafka": section(guarded, folder, "wrong")},
        Exit.WRONG_USE,
        "refuses the login of 'keeper' (",
    ),
    "mechanism": (
        lambda guarded, folder: {
            "stream": guarded.url("CLEAR"),
            "kafka": section(guarded, folder) | {"security_protocol": "SASL_PLAINTEXT"},
        },
        Exit.WRONG_USE,
        "takes no SCRAM-SHA-512, it takes OAUTHBEARER, PLAIN, SCRAM-SHA-256; see kafka.sasl_mechanism",
    ),
    "authority": (
        lambda guarded, folder: {
            "kafka": section(guarded, folder) | {"ca_file": str(guarded.client.certificate)},
        },
        Exit.WRONG_USE,
        "is by an authority that is not trusted here (self-signed certificate); see kafka.ca_file",
    ),
    "host": (
        lambda guarded, _: {
            "stream": guarded.url("STRANGER"),
            "kafka": guarded.tls | {"ca_file": str(guarded.stranger.certificate)},
        },
        Exit.WRONG_USE,
        "is for another host (",
    ),
    "TLS": (
        lambda guarded, _: {"stream": guarded.url("PLAINTEXT"), "kafka": guarded.tls},
        Exit.WRONG_USE,
        "speaks no TLS; set kafka.security_protocol to PLAINTEXT",
    ),
    "no TLS": (
        lambda guarded, _: {"stream": guarded.url("TLS"), "kafka": {}},
        Exit.WRONG_USE,
        "speaks TLS; set kafka.security_protocol to SSL",
    ),
    "port": (
        lambda _guarded, _: {"stream": f"kafka://127.0.0.1:{free_port()}", "kafka": {}},
        Exit.FINDINGS,
        "refuses connections: nobody listens there",
    ),
    "name": (
        lambda _guarded, _: {"stream": "kafka://kafka.invalid:9092", "kafka": {}},
        Exit.FINDINGS,
        "the host of kafka.invalid:9092 is not known (",
    ),
    "right": (
        lambda guarded, folder: {"kafka": section(guarded, folder)},
        Exit.FINDINGS,
        " grant",
    ),
}


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr(backend.client, "PATIENCE_SECONDS", 0.0)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rules.yaml").write_text(RULES)
    return Program(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize("wrong", WRONG)
def test_every_command_says_in_one_line_which_setting_is_wrong(
    guarded: Guarded, program: Program, valkey_url: str, unique: str, wrong: str
) -> None:
    make, code, said = WRONG[wrong]
    settings = {
        "installation": unique,
        "redis": valkey_url,
        "stream": guarded.url(),
        "topics": {"metrics": {"topic": unique}},
        **make(guarded, program.folder),
    }
    (program.folder / "dutyd.yaml").write_text(json.dumps(settings))
    published = program("publish", "-", stdin='{"errors": 1}\n')
    checked = program("doctor")
    assert (published.code, checked.code) == (code, Exit.FINDINGS)
    assert said in told(published.err)
    assert said in checked.out.replace("\n", " ")
    if wrong in ("password", "authority", "right"):  # the same road; the others would only cost time
        ran = dutyd("run", cwd=program.folder)
        assert ran.returncode == code
        assert said in told(ran.stderr)


def told(errors: str) -> str:
    """Return the one line in which a command says why it ended."""
    assert "Traceback" not in errors
    (reason,) = [line for line in errors.splitlines() if line.startswith("dutyd: ")]
    return reason


def test_a_start_without_a_right_names_all_that_are_missing_and_how_to_grant_them(
    guarded: Guarded, program: Program, valkey_url: str, unique: str
) -> None:
    own = OwnTopics(unique)
    grant(guarded, evaluator_needs(own, (unique,)))
    kafka = section(guarded, program.folder)
    settings = {"installation": unique, "redis": valkey_url, "stream": guarded.url(), "kafka": kafka}
    (program.folder / "dutyd.yaml").write_text(json.dumps(settings | {"topics": {"metrics": {"topic": unique}}}))
    done = dutyd("run", cwd=program.folder)
    assert done.returncode == Exit.FINDINGS
    assert f"Read on group '{unique}.act' (share the triggers topic among workers)" in told(done.stderr)
    commands = [line.strip() for line in done.stderr.splitlines() if line.startswith("  kafka-acls.sh")]
    granted = {(need.name, need.right) for need in evaluator_needs(own, (unique,))}
    missing = [need for need in worker_needs(own) if (need.name, need.right) not in granted]
    assert commands == [need.mend for need in missing]
    add = "--add --allow-principal User:NAME --operation Read"
    assert commands[0] == f"kafka-acls.sh --bootstrap-server $BROKER {add} --group {unique}.act"
