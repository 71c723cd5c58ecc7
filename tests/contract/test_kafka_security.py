"""A broker with TLS, logins and access rights: who comes in, and what each who does not is told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from kafka.admin import ACLOperation

from dutyd.app.doctor import Finding
from dutyd.app.doctor.broker import look_at_broker
from dutyd.app.world import World
from dutyd.core.errors import DutydError, NotReadyError, SettingsError
from dutyd.core.topic import OwnTopics, Start
from dutyd.settings import load_settings
from dutyd.stream import kafka as backend
from dutyd.stream.base import TopicSpec
from dutyd.stream.fit import Right, evaluator_needs
from dutyd.stream.kafka import KafkaStream
from support.broker import free_port
from support.guarded import USER, Guarded, unsecured_token
from support.streams import join, read
from support.token_endpoint import CLIENT, SECRET, token_endpoint

OWN = (Right.DESCRIBE, Right.CREATE, Right.DESCRIBE_CONFIGS)
EVERYTHING = (ACLOperation.DESCRIBE, ACLOperation.CREATE, ACLOperation.WRITE, ACLOperation.READ)

Changed = dict[str, str]
Settings = Callable[[Guarded], Changed]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend.client, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(backend.settings, "BOOTSTRAP_MS", 1_000)


def by_password(mechanism: str) -> Settings:
    return lambda guarded: guarded.scram | {"sasl_mechanism": mechanism}


@pytest.mark.parametrize(
    ("listener", "settings"),
    [
        ("PLAINTEXT", lambda _: {}),
        ("TLS", lambda guarded: guarded.tls),
        ("MUTUAL", lambda guarded: guarded.mutual),
        ("SECURE", by_password("SCRAM-SHA-256")),
        ("SECURE", by_password("SCRAM-SHA-512")),
        ("SECURE", by_password("PLAIN")),
        ("CLEAR", lambda guarded: guarded.scram | {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}),
    ],
)
def test_who_shows_what_the_broker_asks_for_comes_in(
    guarded: Guarded, unique: str, listener: str, settings: Settings
) -> None:
    for user in (USER, "ANONYMOUS", "CN=client"):
        guarded.allow_topic(unique, *EVERYTHING, user=user)
    stream = KafkaStream(guarded.url(listener), settings(guarded))
    stream.ensure(TopicSpec(unique, 1))
    producer = stream.producer()
    producer.send(unique, b"secret")
    producer.close()
    assert [record.value for _, record in stream.scan(unique)] == [b"secret"]
    stream.close()


def test_a_token_is_read_anew_at_every_login(guarded: Guarded, unique: str, tmp_path: Path) -> None:
    guarded.allow_topic(unique, *EVERYTHING)
    stream = KafkaStream(guarded.url(), by_token(guarded, unsecured_token(), tmp_path))
    assert stream.partitions(unique) is None
    stream.close()
    (tmp_path / "token").write_text(unsecured_token("stranger"))
    with pytest.raises(NotReadyError, match="too few rights"):
        stream.partitions(unique)
    stream.close()


def test_a_token_comes_from_an_endpoint(guarded: Guarded, unique: str) -> None:
    guarded.allow_topic(unique, *EVERYTHING)
    with token_endpoint(unsecured_token) as endpoint:
        login = {"token_url": endpoint.url, "client_id": CLIENT, "client_secret": SECRET}
        by_token = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"} | login
        stream = KafkaStream(guarded.url(), guarded.tls | by_token)
        assert stream.partitions(unique) is None
        stream.close()
        assert len(endpoint.asked) == 1
        wrong = KafkaStream(guarded.url(), guarded.tls | by_token | {"client_secret": "x"})
        with pytest.raises(SettingsError, match=r"the token endpoint .* refuses this client"):
            wrong.partitions(unique)


def test_a_login_that_was_good_once_is_tried_again_later(
    guarded: Guarded, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend.client, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(backend.network, "NO_TOKEN_SECONDS", 0.1)
    guarded.allow_topic(unique, *EVERYTHING)
    stream = KafkaStream(guarded.url(), by_token(guarded, unsecured_token(), tmp_path))
    assert stream.partitions(unique) is None
    (tmp_path / "token").unlink()
    for _ in range(2):
        with pytest.raises(NotReadyError, match=r"token_file .* can't be read: No such file"):
            stream.consumer("g", {unique: Start.EARLIEST}, client="c")
    (tmp_path / "token").write_text(unsecured_token())
    wait_until_open(stream)
    stream.consumer("g", {unique: Start.EARLIEST}, client="c").close()
    stream.close()


def wait_until_open(stream: KafkaStream) -> None:
    while stream._door.refused():
        pass


def test_a_refused_login_is_not_tried_again_by_anybody_for_a_while(guarded: Guarded, unique: str) -> None:
    guarded.allow_topic(unique, *EVERYTHING)
    user = guarded.new_user(unique, "first")
    guarded.allow_topic(unique, *EVERYTHING, user=user)
    stream = KafkaStream(guarded.url(), guarded.scram | {"username": user, "password": "first"})
    stream.ensure(TopicSpec(unique, 1))
    guarded.new_user(unique, "second")
    before = guarded.refusals()
    said = set[str]()
    for _ in range(5):
        with pytest.raises(NotReadyError, match=rf"{user}|invalid credentials") as caught:
            stream.consumer("g", {unique: Start.EARLIEST}, client="c")
        said.add(str(caught.value))
    assert guarded.refusals() - before == 1
    assert any("tried again in" in each for each in said)
    stream.close()


def login(guarded: Guarded, **changed: str) -> Changed:
    return guarded.scram | changed


def without(settings: Changed, *names: str) -> Changed:
    return {name: value for name, value in settings.items() if name not in names}


def by_token(guarded: Guarded, token: str, folder: Path) -> Changed:
    (folder / "token").write_text(token)
    login = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER", "token_file": str(folder / "token")}
    return guarded.tls | login


WRONG: dict[str, tuple[str, Callable[[Guarded, Path], Changed], type[DutydError], str]] = {
    "password": (
        "SECURE",
        lambda guarded, _: login(guarded, password="wrong"),
        SettingsError,
        r"refuses the login of 'keeper' \(.*invalid credentials.*\); see kafka.username, kafka.password_file",
    ),
    "password, PLAIN": (
        "SECURE",
        lambda guarded, _: login(guarded, sasl_mechanism="PLAIN", password="wrong"),
        SettingsError,
        r"refuses the login of 'keeper' \(.*Invalid username or password\); see kafka.username",
    ),
    "mechanism": (
        "CLEAR",
        lambda guarded, _: login(guarded, security_protocol="SASL_PLAINTEXT", sasl_mechanism="SCRAM-SHA-512"),
        SettingsError,
        r"takes no SCRAM-SHA-512, it takes OAUTHBEARER, PLAIN, SCRAM-SHA-256; see kafka.sasl_mechanism",
    ),
    "token": (
        "SECURE",
        lambda guarded, folder: by_token(guarded, unsecured_token(seconds=-100), folder),
        SettingsError,
        r"refuses the token \(.*invalid_token.*\); see kafka.token_file",
    ),
    "authority": (
        "TLS",
        lambda guarded, _: without(guarded.tls, "ca_file"),
        SettingsError,
        r"by an authority that is not trusted here \(self-signed certificate\); see kafka.ca_file",
    ),
    "host of the certificate": (
        "STRANGER",
        lambda guarded, _: guarded.tls | {"ca_file": str(guarded.stranger.certificate)},
        SettingsError,
        r"is for another host \(.*not valid for '127.0.0.1'.*\); see the host in `stream`",
    ),
    "no client certificate": (
        "MUTUAL",
        lambda guarded, _: guarded.tls,
        SettingsError,
        r"asks for a client certificate; set kafka.cert_file and kafka.key_file",
    ),
    "client certificate": (
        "MUTUAL",
        lambda guarded, _: (
            guarded.tls | {"cert_file": str(guarded.server.certificate), "key_file": str(guarded.server.key)}
        ),
        SettingsError,
        r"refuses this client's certificate \(certificate unknown\); see kafka.cert_file",
    ),
    "TLS where there is none": (
        "PLAINTEXT",
        lambda guarded, _: guarded.tls,
        SettingsError,
        r"speaks no TLS; set kafka.security_protocol to PLAINTEXT$",
    ),
    "TLS and a login where there is no TLS": (
        "CLEAR",
        lambda guarded, _: guarded.scram,
        SettingsError,
        r"speaks no TLS; set kafka.security_protocol to SASL_PLAINTEXT$",
    ),
    "no TLS where there is": (
        "TLS",
        lambda _guarded, _: {},
        SettingsError,
        r"speaks TLS; set kafka.security_protocol to SSL \(SASL_SSL with a login\)$",
    ),
    "a login without TLS where there is": (
        "SECURE",
        lambda guarded, _: login(guarded, security_protocol="SASL_PLAINTEXT"),
        SettingsError,
        r"speaks TLS; set kafka.security_protocol to SASL_SSL$",
    ),
    "no login where one is asked for": (
        "SECURE",
        lambda guarded, _: guarded.tls,
        SettingsError,
        r"asks for a login; set kafka.security_protocol to SASL_SSL$",
    ),
    "a login where none is asked for": (
        "TLS",
        lambda guarded, _: guarded.scram,
        SettingsError,
        r"takes no login; set kafka.security_protocol to SSL$",
    ),
    "controller's port": (
        "CONTROLLER",
        lambda _guarded, _: {},
        SettingsError,
        r"does not speak Kafka's protocol|hangs up",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_each_wrong_setting_has_a_reason_of_its_own(guarded: Guarded, tmp_path: Path, wrong: str) -> None:
    listener, settings, kind, said = WRONG[wrong]
    stream = KafkaStream(guarded.url(listener), settings(guarded, tmp_path))
    with pytest.raises(DutydError, match=rf"^Kafka: .*127.0.0.1:{guarded.ports[listener]} (is )?{said}") as caught:
        stream.partitions("a")
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


def test_a_host_that_does_not_exist_is_named() -> None:
    stream = KafkaStream("kafka://kafka.invalid:9092", {})
    with pytest.raises(NotReadyError, match=r"the host of kafka.invalid:9092 is not known \(.*\); see `stream`"):
        stream.partitions("a")


def test_brokers_that_call_themselves_what_nobody_knows_are_named(guarded: Guarded) -> None:
    stream = KafkaStream(guarded.url("LOST"), {})
    with pytest.raises(NotReadyError, match=r"answers, but calls .* \(kafka.invalid:.*\); see .* advertised.listeners"):
        stream.partitions("a")


def test_one_server_that_answers_is_enough(guarded: Guarded) -> None:
    stream = KafkaStream(f"kafka://127.0.0.1:{free_port()},127.0.0.1:{guarded.ports['PLAINTEXT']}", {})
    assert stream.partitions("a") is None
    stream.close()


def test_who_may_not_create_a_topic_is_told_how_it_must_be(guarded: Guarded, unique: str) -> None:
    guarded.allow_topic(unique, ACLOperation.DESCRIBE)
    stream = KafkaStream(guarded.url(), guarded.scram)
    with pytest.raises(
        NotReadyError,
        match=rf"topic '{unique}' is missing and can't be created here .*too few rights on this topic.*"
        r"create it with 3 partitions and these settings: cleanup.policy=compact, min.compaction.lag.ms=5",
    ):
        stream.ensure(TopicSpec(unique, 3, {"cleanup.policy": "compact", "min.compaction.lag.ms": "5"}))
    stream.close()


def test_who_may_not_see_a_topic_is_told_so(guarded: Guarded, unique: str) -> None:
    stream = KafkaStream(guarded.url(), guarded.scram)
    with pytest.raises(NotReadyError, match=f"too few rights on this topic .*{unique}.*`dutyd doctor`"):
        stream.partitions(unique)
    stream.close()


def test_who_may_not_join_a_group_is_told_so(guarded: Guarded, unique: str) -> None:
    guarded.allow_topic(unique, *EVERYTHING)
    stream = KafkaStream(guarded.url(), guarded.scram)
    stream.ensure(TopicSpec(unique, 1))
    consumer = stream.consumer(f"{unique}.group", {unique: Start.EARLIEST}, client="1")
    with pytest.raises(NotReadyError, match="too few rights on this group"):
        join(consumer)
    consumer.close()
    stream.close()


def test_who_may_only_see_a_topic_can_neither_read_nor_write(guarded: Guarded, unique: str) -> None:
    owner = KafkaStream(guarded.url("PLAINTEXT"), {})
    owner.ensure(TopicSpec(unique, 1))
    owner.close()
    guarded.allow_topic(unique, ACLOperation.DESCRIBE)
    guarded.allow_group(f"{unique}.group", ACLOperation.READ)
    stream = KafkaStream(guarded.url(), guarded.scram)
    producer = stream.producer()
    producer.send(unique, b"1")
    with pytest.raises(NotReadyError, match="too few rights on this topic"):
        producer.flush()
    consumer = stream.consumer(f"{unique}.group", {unique: Start.EARLIEST}, client="1")
    with pytest.raises(NotReadyError, match="too few rights on this topic"):
        read(consumer, 1)
    consumer.close()
    stream.close()


def test_missing_rights_are_named_without_using_them(guarded: Guarded, unique: str) -> None:
    own = OwnTopics(unique)
    guarded.allow_topic(unique, ACLOperation.READ)
    guarded.allow_topic(own.triggers, ACLOperation.CREATE, ACLOperation.WRITE)
    stream = KafkaStream(guarded.url(), guarded.scram)
    missing = stream.missing_rights(evaluator_needs(own, (unique, f"{unique}.hidden")))
    assert {(access.name, access.right) for access in missing} == {
        (f"{unique}.hidden", Right.READ),
        (f"{unique}.evaluate", Right.READ),
        (own.triggers, Right.READ),
        (own.triggers, Right.DESCRIBE_CONFIGS),
        (own.dead_letters, Right.WRITE),
        *((topic, right) for topic in (own.outcomes, own.dead_letters, own.audit) for right in OWN),
    }
    stream.close()


def test_settings_of_a_topic_that_may_not_be_seen_are_named_as_not_shown(guarded: Guarded, unique: str) -> None:
    spec = TopicSpec(unique, 1, {"cleanup.policy": "compact"})
    owner = KafkaStream(guarded.url("PLAINTEXT"), {})
    owner.ensure(spec)
    owner.close()
    guarded.allow_topic(unique, ACLOperation.DESCRIBE)
    stream = KafkaStream(guarded.url(), guarded.scram)
    assert [found.what for found in stream.differences(spec)] == ["replicas", "settings"]
    stream.close()


def doctor(guarded: Guarded, folder: Path, topic: str, password: str) -> list[Finding]:
    """Return what the doctor says of the broker and of this client's rights there."""
    (folder / "password").write_text(password)
    (folder / "dutyd.yaml").write_text(
        f"installation: {topic}\nstream: {guarded.url()}\ntopics: {{metrics: {{topic: {topic}}}}}\n"
        f"kafka: {{security_protocol: SASL_SSL, sasl_mechanism: SCRAM-SHA-512, username: {USER}, "
        f"password_file: password, ca_file: {guarded.scram['ca_file']}}}\n"
    )
    with World(load_settings(folder / "dutyd.yaml", {})) as world:
        return list(look_at_broker(world))


def test_the_doctor_names_each_right_that_is_missing_with_the_command_that_grants_it(
    guarded: Guarded, unique: str, tmp_path: Path
) -> None:
    guarded.allow_topic(unique, ACLOperation.DESCRIBE)
    lacked = {each.found: each for each in doctor(guarded, tmp_path, unique, guarded.scram["password"])}
    reading = lacked[f"this client lacks Read on topic '{unique}' (read events)"]
    assert (reading.standing, reading.ok) == ("wrong", False)
    assert reading.what_to_do.endswith(f"--operation Read --topic {unique}")
    assert {each.standing for each in lacked.values() if "DescribeConfigs" in each.found} == {"weak"}
    with World(load_settings(tmp_path / "dutyd.yaml", {})) as world:
        worker = [each.found for each in look_at_broker(world, frozenset(("worker",)))]
    assert not [said for said in worker if "read events" in said]


def test_the_doctor_says_which_setting_the_broker_does_not_like(guarded: Guarded, unique: str, tmp_path: Path) -> None:
    [found] = doctor(guarded, tmp_path, unique, "wrong")
    assert "refuses the login of 'keeper'" in found.found
    assert found.what_to_do.startswith("see kafka.username, kafka.password_file")
