"""What a settings file and its variables become, and how they are merged."""

from pathlib import Path

import pytest

from dutyd.core.errors import SettingsError
from dutyd.core.topic import Format, Start, Topic
from dutyd.settings import Settings, load_settings


def write(folder: Path, text: str) -> Path:
    file = folder / "dutyd.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, ""), {})
    assert settings.installation == "dutyd"
    assert (settings.redis_url, settings.stream_url) == (None, None)
    assert (settings.model, settings.http, settings.policy) == (None, None, None)
    assert (settings.kafka.session, settings.worker.lease, settings.currency) == (10.0, 15.0, "EUR")


def test_relative_paths_begin_at_the_folder_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "ceiling.yaml").touch()
    settings = load_settings(write(tmp_path, "policy: ceiling.yaml\nkafka: {ca_file: certs/ca.pem}\n"), {})
    assert settings.policy == tmp_path / "ceiling.yaml"
    assert settings.kafka.ca_file == tmp_path / "certs" / "ca.pem"
    assert (settings.rules, settings.data) == (tmp_path / "rules", tmp_path / ".dutyd")


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "rules: /etc/dutyd/rules"), {}).rules == Path("/etc/dutyd/rules")


@pytest.mark.parametrize(
    ("text", "folder"),
    [("", "rules/runbooks"), ("rules: mine", "mine/runbooks"), ("runbooks: pages", "pages")],
)
def test_runbooks_are_in_the_rules_folder_unless_named(tmp_path: Path, text: str, folder: str) -> None:
    assert load_settings(write(tmp_path, text), {}).runbooks_folder == tmp_path / folder


def test_a_topic_is_what_the_parts_read(tmp_path: Path) -> None:
    text = """
topics:
  stock:
    topic: shop.stock.v1
    format: flat
    partitioned_by: [sku, location]
    partitions: 6
    start: latest
    lateness: 2m
    fields: {id: event_id, time: ts}
"""
    assert load_settings(write(tmp_path, text), {}).sources == {
        "stock": Topic(
            alias="stock",
            topic="shop.stock.v1",
            format=Format.FLAT,
            partitioned_by=("sku", "location"),
            partitions=6,
            start=Start.LATEST,
            lateness=120.0,
            fields={"id": "event_id", "time": "ts"},
        )
    }


def test_an_alias_alone_is_a_topic_of_that_name(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, "topics:\n  metrics:\n"), {})
    assert settings.sources == {"metrics": Topic(alias="metrics", topic="metrics")}


def test_a_setting_without_a_value_is_not_set(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, "redis:\nhttp:\nkafka:\n  username:\n"), {})
    assert (settings.redis, settings.http, settings.kafka.username) == (None, None, None)


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    environ = {
        "DUTYD_STREAM": "kafka://broker:9092",
        "DUTYD_MODEL__BASE_URL": "http://model:8000/v1/",
        "DUTYD_TOPICS__METRICS__TOPIC": "prod.metrics",
        "DUTYD_TOPICS__METRICS__PARTITIONED_BY": "service, host",
        "dutyd_http__port": "9000",
    }
    file = write(tmp_path, "stream: redis://file\nmodel: {base_url: 'http://file', name: m}\ntopics: {metrics: {}}\n")
    settings = load_settings(file, environ)
    assert settings.stream_url == "kafka://broker:9092"
    assert settings.model is not None
    assert (settings.model.base_url, settings.model.name) == ("http://model:8000/v1", "m")
    assert settings.sources["metrics"].topic == "prod.metrics"
    assert settings.sources["metrics"].partitioned_by == ("service", "host")
    assert settings.http is not None
    assert settings.http.port == 9000


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "currency: USD"), {"DUTYD_CURRENCY": ""}).currency == "USD"


@pytest.mark.parametrize(
    "name",
    [
        "DUTYD_SETTINGS",  # the command line's own
        "DUTYD_PORT",  # Kubernetes' links to a service named dutyd
        "DUTYD_PORT_8080_TCP",
        "DUTYD_PORT_8080_TCP_ADDR",
        "DUTYD_SERVICE_HOST",
        "DUTYD_SERVICE_PORT_HTTP",
        "DUTYD_CONSOLE_SERVICE_HOST",
    ],
)
def test_variables_that_are_not_meant_as_settings_are_left_alone(tmp_path: Path, name: str) -> None:
    file = write(tmp_path, "")
    assert load_settings(file, {name: "tcp://10.0.0.1:8080"}) == load_settings(file, {})


def test_a_variable_that_holds_a_named_secret_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUTYD_API_KEY", "k-123")
    file = write(tmp_path, "model: {base_url: 'http://m', api_key_env: DUTYD_API_KEY}")
    settings = load_settings(file, {"DUTYD_API_KEY": "k-123"})
    assert settings.model is not None
    key = settings.model.api_key()
    assert key is not None
    assert key.get_secret_value() == "k-123"
    assert "k-123" not in repr(settings)


def test_a_secret_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    text = "kafka: {security_protocol: SASL_SSL, sasl_mechanism: PLAIN, username: u, password_file: password}"
    secrets = load_settings(write(tmp_path, text), {}).kafka.secrets()
    assert {name: secret.get_secret_value() for name, secret in secrets.items()} == {"password": "s3cret"}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("api_key_env: NO_SUCH_KEY", "the environment variable NO_SUCH_KEY is not set"),
        ("api_key_file: no-such-file", "can't read .*no-such-file: No such file"),
    ],
)
def test_a_secret_that_is_not_there_is_named(tmp_path: Path, setting: str, message: str) -> None:
    model = load_settings(write(tmp_path, f"model: {{base_url: 'http://m', {setting}}}"), {}).model
    assert model is not None
    with pytest.raises(SettingsError, match=message):
        model.api_key()


def test_passwords_in_addresses_are_not_shown(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, "redis: 'rediss://:geheim@host:6380/1'"), {})
    assert settings.redis_url == "rediss://:geheim@host:6380/1"
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("redis://host:6379/1", "redis://:a%40b%2Fc@host:6379/1"),
        ("rediss://ana@host", "rediss://ana:a%40b%2Fc@host"),
        ("redis://ana:old@host", "redis://ana:a%40b%2Fc@host"),
        ("sentinel://a:26379,b:26379/main", "sentinel://:a%40b%2Fc@a:26379,b:26379/main"),
    ],
)
def test_the_password_of_redis_can_come_from_a_file(tmp_path: Path, address: str, whole: str) -> None:
    (tmp_path / "password").write_text("a@b/c\n")
    settings = load_settings(write(tmp_path, f"redis: '{address}'\nredis_password_file: password"), {})
    assert settings.redis_url == whole
    assert "a@b/c" not in repr(settings)


def test_a_provider_keeps_the_options_of_its_kind(tmp_path: Path) -> None:
    text = "providers: {ticketing: {kind: backoffice, url: 'http://127.0.0.1:1'}}"
    ticketing = load_settings(write(tmp_path, text), {}).providers.ticketing
    assert ticketing is not None
    assert (ticketing.kind, ticketing.options) == ("backoffice", {"url": "http://127.0.0.1:1"})


ROUTES = """
providers:
  ticketing:
    kind: backoffice
    url: http://tickets
    token_file: token
    headers: {Accept: a, From: b}
    routes:
      shop: {url: http://shop, headers: {Accept: c}}
      open: {token_file: ""}
      chat: {kind: folder, url: http://chat, login: {password_file: ~/chat}}
"""


def test_a_route_has_the_providers_settings_but_for_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    ticketing = load_settings(write(tmp_path, ROUTES), {}).providers.ticketing
    assert ticketing is not None
    whole = {"url": "http://tickets", "token_file": str(tmp_path / "token"), "headers": {"Accept": "a", "From": "b"}}
    assert ticketing.route("") == ("backoffice", whole)
    assert ticketing.route("shop") == ("backoffice", {**whole, "url": "http://shop", "headers": {"Accept": "c"}})
    assert ticketing.route("open") == ("backoffice", {"url": "http://tickets", "headers": {"Accept": "a", "From": "b"}})
    login = {"password_file": "/home/ana/chat"}
    assert ticketing.route("chat") == ("folder", {"url": "http://chat", "login": login})


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().currency = "USD"  # type: ignore[misc]  # that is the point
