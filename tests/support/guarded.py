"""A real broker with every door that companies use: TLS, client certificates, passwords, tokens, and access rights.

One broker has a listener for each; the plain one is the administrator's. Rights are granted with ``allow``, so that a
test has exactly what it grants. Tokens are unsecured ones (``alg: none``), which the broker takes when nothing else is
configured.
"""

import base64
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.broker import KafkaBroker, free_port
from support.tls import Certificate, make_certificate

if TYPE_CHECKING:
    from kafka.admin import ACLOperation, ResourceType

USER, PASSWORD = "keeper", "correct horse"

PROTOCOLS = {
    "PLAINTEXT": "PLAINTEXT",
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "STRANGER": "SSL",  # its certificate is for another host
    "SECURE": "SASL_SSL",
    "CLEAR": "SASL_PLAINTEXT",
    "LOST": "PLAINTEXT",  # it is advertised under a name that nobody knows
    "CONTROLLER": "PLAINTEXT",
}

_LOGIN = "org.apache.kafka.common.security"
_MECHANISMS = {
    "scram-sha-256": f"{_LOGIN}.scram.ScramLoginModule required;",
    "scram-sha-512": f"{_LOGIN}.scram.ScramLoginModule required;",
    "plain": f'{_LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
    "oauthbearer": f'{_LOGIN}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
}


@dataclass(frozen=True)
class Guarded:
    """The broker's doors.

    Attributes:
        ports: by the listener's name (``PROTOCOLS``).
        server: its certificate.
        client: the certificate of a client that it knows.
        stranger: its certificate on ``STRANGER``, which is for another host.
        folder: the broker's own.

    """

    ports: dict[str, int]
    server: Certificate
    client: Certificate
    stranger: Certificate
    folder: Path

    def url(self, listener: str = "SECURE", host: str = "127.0.0.1") -> str:
        """Return the address of *listener*."""
        return f"kafka://{host}:{self.ports[listener]}"

    @property
    def tls(self) -> dict[str, str]:
        """The ``kafka`` section for ``TLS``."""
        return {"security_protocol": "SSL", "ca_file": str(self.server.certificate)}

    @property
    def mutual(self) -> dict[str, str]:
        """The ``kafka`` section for ``MUTUAL``."""
        return self.tls | {"cert_file": str(self.client.certificate), "key_file": str(self.client.key)}

    @property
    def scram(self) -> dict[str, str]:
        """The ``kafka`` section for ``SECURE``, as the stream takes it: with the password itself."""
        login = {"sasl_mechanism": "SCRAM-SHA-512", "username": USER, "password": PASSWORD}
        return self.tls | login | {"security_protocol": "SASL_SSL"}

    def allow(self, kind: "ResourceType", name: str, *operations: "ACLOperation", user: str = USER) -> None:
        """Grant *operations* on *name*."""
        from kafka import KafkaAdminClient  # importing it warns, and conftest must be loaded to forgive that
        from kafka.admin import ACL, ACLPermissionType, ResourcePattern

        admin: Any = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{self.ports['PLAINTEXT']}")
        pattern = ResourcePattern(kind, name)
        admin.create_acls([ACL(f"User:{user}", "*", each, ACLPermissionType.ALLOW, pattern) for each in operations])
        admin.close()

    def new_user(self, name: str, password: str) -> str:
        """Make a SCRAM user, or change its password; return its name."""
        from kafka import KafkaAdminClient
        from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

        admin: Any = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{self.ports['PLAINTEXT']}")
        admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(name, ScramMechanism.SCRAM_SHA_512, password, iterations=4096)]
        )
        admin.close()
        return name

    def refusals(self) -> int:
        """Return how many logins the broker has refused so far, by its own log."""
        return (self.folder / "broker.log").read_bytes().count(b"Failed authentication with")

    def allow_topic(self, name: str, *operations: "ACLOperation", user: str = USER) -> None:
        """Grant *operations* on topic *name*."""
        from kafka.admin import ResourceType

        self.allow(ResourceType.TOPIC, name, *operations, user=user)

    def allow_group(self, name: str, *operations: "ACLOperation") -> None:
        """Grant *operations* on group *name*."""
        from kafka.admin import ResourceType

        self.allow(ResourceType.GROUP, name, *operations)


@contextlib.contextmanager
def guarded_broker(folder: Path) -> Iterator[Guarded]:
    """Start one; its certificates are made in *folder*."""
    server, client = make_certificate(folder), make_certificate(folder, "client")
    stranger = make_certificate(folder, "stranger", "DNS:kafka.example.org")
    ports = {name: free_port() for name in PROTOCOLS}
    broker = KafkaBroker(ports["PLAINTEXT"], _settings(ports, server, client, stranger))
    broker.format(*_scram(256), *_scram(512))
    broker.start()
    yield Guarded(ports, server, client, stranger, broker.directory)
    broker.stop()


def _scram(number: int) -> tuple[str, str]:
    return "--add-scram", f"SCRAM-SHA-{number}=[name={USER},password={PASSWORD}]"


def _settings(ports: dict[str, int], server: Certificate, client: Certificate, stranger: Certificate) -> dict[str, str]:
    served = {name: f"{name}://127.0.0.1:{port}" for name, port in ports.items()}
    known = served | {"LOST": f"LOST://kafka.invalid:{ports['LOST']}"}
    advertised = ",".join(address for name, address in known.items() if name != "CONTROLLER")
    settings = {
        "listeners": ",".join(served.values()),
        "advertised.listeners": advertised,
        "controller.quorum.voters": f"1@127.0.0.1:{ports['CONTROLLER']}",
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in PROTOCOLS.items()),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.mutual.ssl.truststore.type": "PEM",
        "listener.name.mutual.ssl.truststore.location": str(client.certificate),
    }
    for listener, protocol in PROTOCOLS.items():
        prefix = f"listener.name.{listener.lower()}"
        if protocol.endswith("SSL"):
            shown = stranger if listener == "STRANGER" else server
            settings[f"{prefix}.ssl.keystore.type"] = "PEM"
            settings[f"{prefix}.ssl.keystore.location"] = str(shown.key_and_certificate)
        if protocol.startswith("SASL"):
            # The clear one takes fewer, so that one can be asked for that it does not take.
            taken = [name for name in _MECHANISMS if listener == "SECURE" or name != "scram-sha-512"]
            settings[f"{prefix}.sasl.enabled.mechanisms"] = ",".join(taken).upper()
            settings |= {f"{prefix}.{name}.sasl.jaas.config": login for name, login in _MECHANISMS.items()}
    return settings


def unsecured_token(user: str = USER, seconds: float = 3600.0) -> str:
    """Return a token for *user* that holds for *seconds* (RFC 7515, ``alg: none``)."""
    now = time.time()  # noqa: TID251  # the broker compares it with its own clock
    said = [{"alg": "none"}, {"sub": user, "iat": now - 1, "exp": now + seconds}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in said) + "."
