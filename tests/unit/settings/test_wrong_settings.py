"""Every mistake in settings is named at its place, in plain words, all at once."""

from pathlib import Path

import pytest

from dutyd.core.errors import SettingsError
from dutyd.settings import load_settings


def problems(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    file = folder / "dutyd.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, environ or {})
    return str(caught.value).replace(f"{folder}/", "").splitlines()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # A name that is nearly right.
        ("strem: x", "dutyd.yaml:1:1: strem: there is no setting 'strem'; did you mean 'stream'?"),
        ("model: {base_url: 'http://m', nam: k}", "there is no setting 'nam'; did you mean 'name'?"),
        ("topics: {a: {formt: auto}}", "dutyd.yaml:1:14: topics.a.formt: there is no setting 'formt'"),
        ("providers: {alertin: {kind: backoffice}}", "did you mean 'alerting'?"),
        # A password of nothing.
        ("redis_password_file: /run/secrets/redis", "there is no `redis` whose password it could be"),
        # A name that belongs elsewhere.
        ("base_url: 'http://m'", "it belongs under `model`"),
        # A value of the wrong kind.
        ("installation: 12", "must be a text, not 12: put it in quotes"),
        ("installation: 'a b'", "must be 1 to 63 letters, digits, '-', '_' or '.', not 'a b'"),
        ("http: {port: http}", "must be a whole number, not 'http'"),
        ("http: {port: 65536}", "must be at most 65535, not 65536"),
        ("http: 8080", "holds settings of its own, one `name: value` a line below it, not 8080"),
        ("topics: [metrics]", "holds settings of its own"),
        ("topics: {Metrics: {}}", "an alias is made of small letters"),
        ("topics: {a: {topic: 'a b'}}", "must be a topic name"),
        ("topics: {a: {partitions: 0}}", "must be at least 1, not 0"),
        ("topics: {a: {partitioned_by: 5}}", "must be a list such as [service, host], not 5"),
        ("topics: {a: {format: cloudevent}}", "not 'cloudevent'; did you mean 'cloudevents'?"),
        ("topics: {a: {start: earliets}}", "must be one of earliest or latest"),
        ("topics: {a: {lateness: 10}}", "10 of what? Write the unit, too: 10s, 10m"),
        ("topics: {a: {lateness: 10 parsecs}}", "'10 parsecs' is no duration: write a number with its unit"),
        ("topics: {a: {rekey: maybe}}", "must be true or false, not 'maybe'"),
        ("currency: euro", "must be a code of three capital letters such as EUR, not 'euro'"),
        ("model: {name: m}", "model.base_url: is needed, and not there"),
        ("model: {base_url: 'http://m', price: {input: 1}}", "model.price.output: is needed, and not there"),
        # Addresses.
        ("stream: localhost:9092", "no stream address: write kafka://host:9092"),
        ("stream: 'kafka://user:pw@host:9092'", "set kafka.username and kafka.password_file"),
        ("stream: 'kafka://host:port'", "'host:port' is not of the form host:port"),
        ("stream: 'kafka://host:9092/topic'", "has something after the port"),
        ("redis: 'http://host'", "no Redis address: write redis://host:6379/0"),
        ("redis: 'redis://host:99999'", "'host:99999' is not of the form host:port"),
        ("redis: 'sentinel://a:26379,b:26379'", "names no master"),
        ("model: {base_url: localhost}", "'localhost' is no web address"),
        ("model: {base_url: 'http://host:port/v1'}", "'http://host:port/v1' is no web address"),
        ("model: {base_url: 'http://host:99999/v1'}", "'http://host:99999/v1' is no web address"),
        ("model: {base_url: 'http://[::1/v1'}", "'http://[::1/v1' is no web address"),
        ("heartbeat: {url: 'http://host:port/x'}", "heartbeat.url: this is no web address"),
        # What fits alone, and not together.
        ("kafka: {security_protocol: SASL_SSL}", "needs sasl_mechanism, username, password_file, too"),
        (
            "kafka: {security_protocol: SASL_SSL, sasl_mechanism: PLAIN, username: u}",
            "security_protocol SASL_SSL with PLAIN needs password_file, too",
        ),
        (
            "kafka: {security_protocol: SASL_SSL, sasl_mechanism: OAUTHBEARER}",
            "with OAUTHBEARER needs token_file or token_url, too",
        ),
        (
            "kafka: {security_protocol: SASL_SSL, sasl_mechanism: OAUTHBEARER, token_url: 'https://idp/token'}",
            "with OAUTHBEARER needs client_id, client_secret_file, too",
        ),
        (
            "kafka: {token_file: t, token_url: 'https://idp/token'}",
            "token_file and token_url are two ways to a token: set one of them",
        ),
        ("kafka: {cert_file: a.pem}", "cert_file and key_file belong together"),
        ("policy: ceiling.yaml", "ceiling.yaml is not there"),
        ("topics: {a: {topic: dutyd.triggers}}", "topics.a.topic: 'dutyd.triggers' is a topic of dutyd's own"),
        ("installation: x\ntopics: {x.outcomes: {}}", "an alias is made of"),
        ("topics: {a: {topic: t}, b: {topic: t}}", "'t' is already the topic of 'a': use that alias"),
        (
            "providers: {stock: {kind: folder, routes: {a: {kind: folde}}}}",
            "routes.a.kind: there is no provider 'folde'",
        ),
        ("providers: {stock: {kind: folder, routes: {default: {}}}}", "own settings are the route 'default'"),
        ("providers: {stock: {kind: folder, routes: {A b: {}}}}", "routes.A b: an alias is made of small letters"),
        ("providers: {stock: {kind: backofice}}", "no provider 'backofice'; did you mean 'backoffice'?"),
    ],
)
def test_a_mistake_is_one_message(tmp_path: Path, text: str, message: str) -> None:
    title, *found = problems(tmp_path, text)
    assert title == "the settings can't be used (1 problem):"
    assert len(found) == 1
    assert message in found[0]
    assert found[0].startswith("  dutyd.yaml:")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "dutyd.yaml:1:5: this is no valid YAML"),
        ("a: 1\na: 2", 'dutyd.yaml:2:1: this is no valid YAML: found duplicate key "a"'),
        ("just words", "expected settings, one `name: value` a line"),
        ("\tstream: x", "dutyd.yaml:1:1: this is no valid YAML"),
    ],
)
def test_a_file_that_is_no_settings_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert message in "\n".join(problems(tmp_path, text))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"can't read the settings file .*none\.yaml: No such file"):
        load_settings(tmp_path / "none.yaml", {})


def test_all_mistakes_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "currency: euro\nstrem: x\ntopics:\n  a: {partitions: 0, lateness: 5}\nhttp: {port: x}\n"
    _, *found = problems(tmp_path, text)
    assert [line.split(": ")[1] for line in found] == [
        "currency",
        "strem",
        "topics.a.partitions",
        "topics.a.lateness",
        "http.port",
    ]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DUTYD_STREM", "x", "variable DUTYD_STREM: there is no setting 'strem'; did you mean 'stream'?"),
        ("DUTYD_HTTP__PRT", "1", "variable DUTYD_HTTP__PRT: there is no setting 'prt'; did you mean 'port'?"),
        ("DUTYD_HTTP__PORT", "x", "variable DUTYD_HTTP__PORT: must be a whole number, not 'x'"),
        ("DUTYD_TOPICS__A__START", "now", "variable DUTYD_TOPICS__A__START: must be one of earliest or latest"),
        ("DUTYD_MODEL", "kimi", "variable DUTYD_MODEL: holds settings of its own"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str, message: str) -> None:
    assert message in "\n".join(problems(tmp_path, "", {name: value}))


def test_messages_hold_no_password(tmp_path: Path) -> None:
    found = problems(tmp_path, "redis: 'redis://:geheim@host:x'\nstream: 'http://u:geheim@host'\n")
    assert len(found) == 3
    assert "geheim" not in "\n".join(found)
