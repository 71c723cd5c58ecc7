"""A broker with TLS, passwords and access rights: who may come in, and what one who may not is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from dutyd.core.errors import NotReadyError
from dutyd.core.topic import OwnTopics
from dutyd.stream import kafka as backend
from dutyd.stream.base import TopicSpec
from dutyd.stream.fit import Right, evaluator_needs
from dutyd.stream.kafka import KafkaStream
from support.broker import Broker, KafkaBroker, free_port
from support.tls import Certificate, make_certificate

OWN = (Right.DESCRIBE, Right.CREATE, Right.DESCRIBE_CONFIGS)

USER, PASSWORD = "keeper", "correct horse"

SECURE = {
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT",
    "listener.name.secure.sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.secure.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
    "listener.name.secure.ssl.keystore.type": "PEM",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}


@dataclass(frozen=True)
class Guarded:
    """A broker with a listener that asks for a password behind TLS."""

    url: str
    open: str
    certificate: Certificate

    def settings(self, password: str = PASSWORD) -> dict[str, str]:
        return {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "username": USER,
            "password": password,
            "ca_file": str(self.certificate.certificate),
        }


@pytest.fixture(scope="module")
def guarded(kafka_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    if kafka_broker.lacks:
        pytest.skip("needs a real broker")
    folder = tmp_path_factory.mktemp("secure")
    certificate = make_certificate(folder)
    secure, plain, controller = free_port(), free_port(), free_port()
    listeners = f"PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure}"
    broker = KafkaBroker(
        plain,
        {
            **SECURE,
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": listeners,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listener.name.secure.ssl.keystore.location": str(certificate.key_and_certificate),
        },
    )
    broker.format("--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]")
    broker.start()
    yield Guarded(f"kafka://127.0.0.1:{secure}", broker.address, certificate)
    broker.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend.settings, "BOOTSTRAP_MS", 2_000)


def allow(guarded: Guarded, topic: str, *operations: ACLOperation) -> None:
    admin: Any = KafkaAdminClient(bootstrap_servers=guarded.open)
    pattern = ResourcePattern(ResourceType.TOPIC, topic)
    admin.create_acls([ACL(f"User:{USER}", "*", each, ACLPermissionType.ALLOW, pattern) for each in operations])
    admin.close()


def test_the_right_password_comes_in(guarded: Guarded, unique: str) -> None:
    allow(guarded, unique, ACLOperation.DESCRIBE, ACLOperation.CREATE, ACLOperation.WRITE, ACLOperation.READ)
    stream = KafkaStream(guarded.url, guarded.settings())
    stream.ensure(TopicSpec(unique, 1))
    producer = stream.producer()
    producer.send(unique, b"secret")
    producer.close()
    assert [record.value for _, record in stream.scan(unique)] == [b"secret"]
    stream.close()


def test_a_wrong_password_is_named_as_the_reason(guarded: Guarded) -> None:
    stream = KafkaStream(guarded.url, guarded.settings("wrong"))
    with pytest.raises(NotReadyError, match=r"SaslAuthenticationFailed"):
        stream.partitions("a")


def test_an_unknown_certificate_is_named_as_the_reason(guarded: Guarded) -> None:
    settings = guarded.settings()
    del settings["ca_file"]
    stream = KafkaStream(guarded.url, settings)
    with pytest.raises(NotReadyError, match=r"CERTIFICATE_VERIFY_FAILED"):
        stream.partitions("a")


def test_who_may_not_create_a_topic_is_told_how_it_must_be(guarded: Guarded, unique: str) -> None:
    allow(guarded, unique, ACLOperation.DESCRIBE)
    stream = KafkaStream(guarded.url, guarded.settings())
    with pytest.raises(
        NotReadyError,
        match=rf"topic '{unique}' is missing and can't be created here .*AuthorizationFailed.*"
        r"create it with 3 partitions and these settings: cleanup.policy=compact, min.compaction.lag.ms=5",
    ):
        stream.ensure(TopicSpec(unique, 3, {"cleanup.policy": "compact", "min.compaction.lag.ms": "5"}))
    stream.close()


def test_who_may_not_see_a_topic_is_told_so(guarded: Guarded, unique: str) -> None:
    stream = KafkaStream(guarded.url, guarded.settings())
    with pytest.raises(NotReadyError, match="TopicAuthorizationFailed"):
        stream.partitions(unique)
    stream.close()


def test_missing_rights_are_named_without_using_them(guarded: Guarded, unique: str) -> None:
    own = OwnTopics(unique)
    allow(guarded, unique, ACLOperation.READ)
    allow(guarded, own.triggers, ACLOperation.CREATE, ACLOperation.WRITE)
    stream = KafkaStream(guarded.url, guarded.settings())
    missing = stream.missing_rights(evaluator_needs(own, (unique, f"{unique}.hidden")))
    assert {(access.name, access.right) for access in missing} == {
        (f"{unique}.hidden", Right.READ),
        (f"{unique}.evaluate", Right.READ),
        (own.triggers, Right.READ),
        (own.triggers, Right.DESCRIBE_CONFIGS),
        (own.dead_letters, Right.WRITE),
        *((topic, right) for topic in (own.outcomes, own.dead_letters) for right in OWN),
    }
    stream.close()


def test_settings_of_a_topic_that_may_not_be_seen_are_named_as_not_shown(guarded: Guarded, unique: str) -> None:
    spec = TopicSpec(unique, 1, {"cleanup.policy": "compact"})
    owner = KafkaStream(f"kafka://{guarded.open}", {})
    owner.ensure(spec)
    owner.close()
    allow(guarded, unique, ACLOperation.DESCRIBE)
    stream = KafkaStream(guarded.url, guarded.settings())
    assert [found.what for found in stream.differences(spec)] == ["replicas", "settings"]
    stream.close()
