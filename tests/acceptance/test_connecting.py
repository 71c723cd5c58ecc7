"""The page on connecting monitoring systems, played with the real ones on a real broker, from settings to incidents."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from ruamel.yaml import YAML

from dutyd.core.event import Event, Record
from dutyd.core.topic import Topic
from dutyd.settings.topics import TopicSettings, topic_of
from dutyd.stream import open_stream
from dutyd.stream.base import Stream, TopicSpec
from dutyd.stream.formats import Decoder
from support.broker import Broker, free_port
from support.chart.render import CHART, of_kind, read_yaml, render, values_of
from support.debian import UnavailableError
from support.monitoring import MonitoringServer, new_alertmanager
from support.needs import DATA, data
from support.pages import Block, Command, blocks, commands, run_command
from support.producers import running_collectd, running_rsyslog
from support.program import BIN, dutyd, environment
from support.records import json_record
from support.server import running

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "connect.md"
PAYLOADS = DATA / "monitoring_payloads" / "payloads.jsonl"
PATIENCE = 30.0


@dataclass
class Shop:
    """What the page describes, here: its files in a folder, the addresses that it names replaced by real ones."""

    folder: Path
    stream: Stream
    found: list[Block]
    addresses: dict[str, str]
    missing: dict[str, str] = field(default_factory=dict)
    alertmanager: MonitoringServer | None = None

    def here(self, text: str) -> str:
        """Return *text* of the page with this machine's addresses."""
        for shown, real in self.addresses.items():
            text = text.replace(shown, real)
        return text

    def file(self, name: str) -> str:
        (block,) = (block for block in self.found if block.file == name)
        return self.here(block.text)

    def records(self, topic: str) -> list[Record]:
        return [record for _, record in self.stream.scan(topic)]

    def wait_for(self, topic: str, enough: Callable[[list[Any]], bool]) -> None:
        """Wait until the records of *topic* are *enough*."""
        deadline = time.monotonic() + PATIENCE
        while not enough(held := [json.loads(record.value or b"null") for record in self.records(topic)]):
            assert time.monotonic() < deadline, f"{topic} holds {held}"
            time.sleep(0.1)

    def incidents(self, rule: str) -> dict[str, str]:
        """Return the entities of *rule*'s incidents, and the state of each."""
        told = dutyd("incidents", "list", "--json", cwd=self.folder)
        assert told.returncode == 0, told.stderr
        mine = [each for each in json.loads(told.stdout) if each["rule"] == rule]
        return {"/".join(each["entity"].values()): each["state"] for each in mine}

    def needs(self, package: str) -> None:
        """Skip where *package* can't be had here, with what its package client said."""
        if package in self.missing:
            pytest.skip(self.missing[package])


@pytest.fixture(scope="module")
def shop(real_broker: Broker, valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Play the whole page once."""
    folder = tmp_path_factory.mktemp("shop")
    addresses = {
        "localhost:9092": real_broker.address,
        "redis://localhost:6379/0": f"{valkey_url}/0",
        "installation: shop": f"installation: {folder.name}",
        "group_interval: 5s": "group_interval: 1s",
        "credentials_file: bridge.token": f"credentials_file: {folder}/bridge.token",
    }
    for shown in ("9095", "9096"):
        addresses |= {
            f"{host}:{shown}": f"{host}:{port}" for port in [free_port()] for host in ("localhost", "127.0.0.1")
        }
    with ExitStack() as until_the_end:
        stream = open_stream(f"kafka://{real_broker.address}", {})
        until_the_end.callback(stream.close)
        stream.ensure(TopicSpec("collectd", 1))
        stream.ensure(TopicSpec("syslog", 3))
        made = Shop(folder, stream, blocks(PAGE), addresses)
        for block in made.found:
            if block.file:
                (folder / block.file).parent.mkdir(exist_ok=True)
                (folder / block.file).write_text(made.here(block.text))
        for block in made.found:
            if not block.file and block.language in ("sh", "console"):
                play(made, block, until_the_end)
        yield made


def play(shop: Shop, block: Block, until_the_end: ExitStack) -> None:
    """Do what a block of commands says; bridges stay, and before dutyd runs the monitoring systems have their say."""
    text = shop.here(block.text)
    if "--listen" in block.text:
        start = subprocess.Popen(
            [
                "bash",
                "-euo",
                "pipefail",
                "-c",
                text.replace("\ndutyd", "\nexec dutyd").replace("dutyd publish", f"{BIN}/dutyd publish"),
            ],
            cwd=shop.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        until_the_end.enter_context(start)
        until_the_end.callback(start.terminate)
        assert start.stdout is not None
        assert "become records of" in start.stdout.readline()
        return
    if "dutyd run" in block.text:
        with_alertmanager(shop, until_the_end)
        with_collectd(shop)
        with_rsyslog(shop)
    for command in commands(block):
        here = Command(command.line, shop.here(command.text), command.output)
        run_command(here, shop.folder, f"{PAGE.name}:{command.line}")


def alert(service: str, **times: str) -> dict[str, Any]:
    labels = {"alertname": "HighErrorRate", "service": service}
    return {"labels": labels, "annotations": {"summary": "12 % of requests fail"}, **times}


def with_alertmanager(shop: Shop, until_the_end: ExitStack) -> None:
    try:
        server = new_alertmanager(YAML(typ="safe", pure=True).load(shop.file("alertmanager.yml")))
    except UnavailableError as error:
        shop.missing["alertmanager"] = str(error)
        return
    shop.alertmanager = until_the_end.enter_context(running(server))
    httpx2.post(f"{server.url}/api/v2/alerts", json=[alert("pay"), alert("search")]).raise_for_status()
    shop.wait_for("alerts", lambda held: {"pay", "search"} <= {each["alerts"][0]["labels"]["service"] for each in held})


def with_collectd(shop: Shop) -> None:
    try:
        with running_collectd(shop.file("collectd.conf"), shop.folder) as put:
            shop.wait_for("collectd", lambda held: {"load", "memory"} <= {each[0]["plugin"] for each in held})
            put('PUTVAL "web-2/load/load" interval=1 N:90:70:50')
            shop.wait_for("collectd", lambda held: any(each[0]["host"] == "web-2" for each in held))
    except UnavailableError as error:
        shop.missing["collectd"] = str(error)


def with_rsyslog(shop: Shop) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")  # noqa: TID251 - a log line of now
    try:
        with running_rsyslog(shop.file("rsyslog.conf"), shop.folder) as put:
            for number in range(3):
                put(f'<11>1 {now} web-3 payment - - - card "declined" {number}')
                put(f"<14>1 {now} web-4 payment - - - paid {number}")
            shop.wait_for("syslog", lambda held: sum(each["program"] == "payment" for each in held) == 6)
    except UnavailableError as error:
        shop.missing["rsyslog"] = str(error)


def test_alertmanager_opens_one_incident_a_service_and_ends_it(shop: Shop) -> None:
    shop.needs("alertmanager")
    assert shop.alertmanager is not None
    assert shop.incidents("errors-of-a-service") == {"pay": "ACTIVE", "search": "ACTIVE"}
    over = alert("pay", endsAt=datetime.now(UTC).isoformat())  # noqa: TID251 - a moment of Alertmanager's clock
    httpx2.post(f"{shop.alertmanager.url}/api/v2/alerts", json=[over]).raise_for_status()
    shop.wait_for("alerts", lambda held: any(each["alerts"][0]["status"] == "resolved" for each in held))
    ended = dutyd("run", "--until-idle", "1s", cwd=shop.folder)
    assert ended.returncode == 0, ended.stderr
    assert shop.incidents("errors-of-a-service") == {"pay": "CLOSED", "search": "ACTIVE"}


def test_collectd_is_understood_and_opens_an_incident_for_the_busy_host(shop: Shop) -> None:
    shop.needs("collectd")
    topic = Topic(alias="hosts", topic="collectd")
    decoded = Decoder(topic, 0).decode(shop.records("collectd"))
    assert not decoded.bad
    memory = [event for event in decoded.events if event.id == "web-1/memory/memory-used"]
    assert memory[0].fields["value"] > 1_000_000
    assert shop.incidents("host-is-busy") == {"web-2": "ACTIVE"}


def test_rsyslog_opens_an_incident_for_the_host_whose_program_fails(shop: Shop) -> None:
    shop.needs("rsyslog")
    assert shop.incidents("payments-fail") == {"web-3": "ACTIVE"}


def test_cloudevents_open_incidents_in_both_modes(shop: Shop) -> None:
    assert shop.incidents("stock-is-low") == {"4711": "ACTIVE", "0815": "ACTIVE"}
    assert sorted(bool(record.headers) for record in shop.records("stock")) == [False, True]


def test_nothing_became_a_dead_letter(shop: Shop) -> None:
    dead = f"{shop.folder.name}.dead-letters"
    assert shop.stream.partitions(dead) is None or not shop.records(dead)


def test_the_chart_runs_the_bridge_by_the_values_of_the_page() -> None:
    (block,) = (block for block in blocks(PAGE) if block.text.startswith("bridge:"))
    values = {**values_of(CHART / "ci" / "minimal-values.yaml"), **read_yaml(block.text)[0], "existingSecret": "dutyd"}
    values["settings"] = {**values["settings"], "topics": {"alerts": {"format": "alertmanager"}}}
    (service,) = of_kind(render(values, name="shop"), "Service")
    assert service["metadata"]["name"] == "shop-dutyd-bridge-alerts"
    assert service["spec"]["ports"][0]["port"] == 80


# The samples of other systems.


Row = tuple[str, str, list[str]]


def rows(before: str) -> list[Row]:
    """Return the rows of a table of the page: system, topic settings, fields; *before* is what stands between."""
    row = rf"^\| (\w+) \| {before}`(\{{format[^`]*\}})` \| ([^|]*) \|"
    found = re.findall(row, PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [(system, settings, re.findall(r"`([^`]+)`", fields)) for system, settings, fields in found]


WEBHOOKS, PRODUCERS = rows(""), rows(r"[^|]* \| ")


def check(settings: str, fields: list[str], documents: list[Any]) -> list[Event]:
    """Return the events of *documents* on a topic with *settings*; together they have all *fields*."""
    topic = topic_of("posts", TopicSettings.model_validate(YAML(typ="safe", pure=True).load(settings)))
    decoded = Decoder(topic, 0).decode([json_record(document) for document in documents])
    assert not decoded.bad
    assert len(decoded.events) == len(documents) > 0
    assert all(any(name in event.fields for event in decoded.events) for name in fields)
    for event in decoded.events:
        if given := event.fields.get(topic.fields.get("id", "")):
            assert event.id == str(given)
        if topic.fields.get("time") in event.fields:
            assert event.time < event.arrival
    return decoded.events


def payloads(system: str) -> list[dict[str, Any]]:
    cases = map(json.loads, data("monitoring_payloads/payloads.jsonl").read_text(encoding="utf-8").splitlines())
    return [case["payload"] for case in cases if case["provider"] == system]


def named(of: object) -> str:
    return of if isinstance(of, str) and of.isalpha() else ""


@pytest.mark.parametrize(("system", "settings", "fields"), WEBHOOKS, ids=named)
def test_the_samples_of_a_system_are_events_with_the_fields_that_the_page_names(
    system: str, settings: str, fields: list[str]
) -> None:
    check(settings, fields, payloads(system))


def test_the_page_knows_every_system_of_which_there_are_samples() -> None:
    cases = map(json.loads, PAYLOADS.read_text(encoding="utf-8").splitlines()) if PAYLOADS.exists() else []
    assert {case["provider"] for case in cases} <= {system for system, *_ in WEBHOOKS}


SECOND = 1_769_850_000
STOCK = {"sku": "4711", "on_hand": 3}
BY_THE_MANUAL: dict[str, list[Any]] = {
    "telegraf": [{"name": "cpu", "tags": {"host": "a"}, "fields": {"usage_idle": 91.5}, "timestamp": SECOND}],
    "vector": [
        {
            "name": "cpu",
            "namespace": "host",
            "tags": {"host": "a"},
            "timestamp": "2026-01-31T09:00:00.123456789Z",
            "kind": "absolute",
            "gauge": {"value": 0.5},
        }
    ],
    "debezium": [
        {"before": None, "after": STOCK, "source": {"table": "stock"}, "op": "u", "ts_ms": SECOND * 1000},
        {"before": STOCK, "after": None, "source": {"table": "stock"}, "op": "d", "ts_ms": SECOND * 1000},
    ],
    "zabbix": [
        {
            "clock": SECOND,
            "ns": 5,
            "value": 1,
            "eventid": 42,
            "name": "CPU is high",
            "severity": 4,
            "hosts": [{"host": "a", "name": "A"}],
            "tags": [{"tag": "scope", "value": "cpu"}],
        }
    ],
}


@pytest.mark.parametrize(("system", "settings", "fields"), PRODUCERS, ids=named)
def test_records_of_the_form_in_a_producers_manual_are_events_with_the_fields_that_the_page_names(
    system: str, settings: str, fields: list[str]
) -> None:
    assert len(PRODUCERS) == len(BY_THE_MANUAL)
    for event in check(settings, fields, BY_THE_MANUAL[system]):
        assert SECOND - 5 <= event.time <= SECOND + 4 * 3600


def test_what_grafana_posts_is_read_as_alertmanagers() -> None:
    about = {"status": "firing", "startsAt": "2026-01-31T09:00:00Z", "endsAt": "0001-01-01T00:00:00Z"}
    alert_ = {**about, "labels": {"alertname": "A", "service": "pay"}, "fingerprint": "f1", "values": {"B": 44.2}}
    message = {
        "receiver": "dutyd",
        "status": "firing",
        "orgId": 1,
        "alerts": [alert_],
        "version": "1",
        "state": "alerting",
    }
    (event,) = check("{format: auto}", ["service", "alertname", "status", "startsAt"], [message])
    assert event.id == "f1/2026-01-31T09:00:00Z/firing"
