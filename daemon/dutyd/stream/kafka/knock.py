"""The first contact with a broker: one connection, at most one login, and a plain word about what is wrong.

kafka-python tries for half a minute, with the same wrong password again and again, and then says that it could not.
So a stream knocks before it opens a client: connect, TLS, hello, login, one question for the brokers' names, with the
client's own messages on a plain socket. What can't mend itself is a ``SettingsError`` at once; servers that are not
there get a few seconds, because everything may be starting together. Called by ``client.Door``.
"""

import math
import socket
import time
from collections.abc import Iterable
from typing import Any

from kafka.errors import NoError, UnsupportedSaslMechanismError, for_code
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.broker_version_data import BrokerVersionData
from kafka.protocol.metadata import ApiVersionsRequest, MetadataRequest
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from dutyd.core.errors import DutydError, NotReadyError
from dutyd.stream.kafka.reasons import Reasons, Step
from dutyd.stream.kafka.security import tls_context
from dutyd.stream.kafka.settings import ClientSettings
from dutyd.stream.kafka.tokens import NoTokenError

STEP_SECONDS = 3.0
"""How long each step may take with a single server: a connection, a handshake, an answer. Many servers get less each,
so that a person waits no longer than ten seconds for three that don't answer."""

AGAIN_SECONDS = 0.5

_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")
"""How an alert and a handshake begin (RFC 8446, section 5.1)."""


def knock(settings: ClientSettings, patience: float) -> None:
    """Come in at one of the servers; while none is there, try again for *patience* seconds.

    Raises:
        NotReadyError: none of them is there, or none answers.
        SettingsError: what the settings say of address, certificates or login does not fit the broker.

    """
    deadline = time.monotonic() + patience
    servers = settings.options["bootstrap_servers"]
    while True:
        said: list[str] = []
        for server in servers:
            try:
                return _Visit(server, settings, STEP_SECONDS / math.sqrt(len(servers))).make()
            except NotReadyError as error:
                said.append(str(error))
        if time.monotonic() > deadline:
            raise NotReadyError("; ".join(dict.fromkeys(said)))
        time.sleep(AGAIN_SECONDS)


class _Visit:
    """One try at one server."""

    def __init__(self, server: str, settings: ClientSettings, seconds: float) -> None:
        host, _, port = server.rpartition(":")
        self._server, self._host, self._port = server, host.strip("[]"), int(port)
        self._options = settings.options
        self._protocol = str(settings.options["security_protocol"])
        self._reasons = Reasons(server, settings.options)
        self._parser = KafkaProtocol(client_id="dutyd")
        self._step = Step.HELLO
        self._seconds = seconds

    def make(self) -> None:
        with self._connected() as plain:
            try:
                with self._wrapped(plain) as wire:
                    self._talk(wire)
            except DutydError:
                raise
            except NoTokenError as error:
                raise error.because from error
            except Exception as error:  # whatever it is, it has a reason that people must hear
                raise self._reasons.of(error, self._step) from error

    def _connected(self) -> socket.socket:
        try:
            return socket.create_connection((self._host, self._port), self._seconds)
        except socket.gaierror as error:
            raise self._reasons.unknown_host(error) from error
        except OSError as error:
            raise self._reasons.unreachable(error) from error

    def _wrapped(self, plain: socket.socket) -> socket.socket:
        if not self._protocol.endswith("SSL"):
            return plain
        return tls_context(self._options).wrap_socket(plain, server_hostname=self._host.rstrip("."))

    def _talk(self, wire: socket.socket) -> None:
        versions = self._versions(wire)
        if self._protocol.startswith("SASL"):
            self._step = Step.LOGIN
            self._log_in(wire, versions)
        self._step = Step.INSIDE
        brokers = self._ask(wire, MetadataRequest(topics=[], max_version=1), versions).brokers
        self._meet((broker.host, broker.port) for broker in brokers)

    def _versions(self, wire: socket.socket) -> BrokerVersionData:
        known = self._options["api_version"]
        answer = self._ask(wire, ApiVersionsRequest(version=0))
        if known is not None:
            return BrokerVersionData(known)
        spans = {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys}
        return BrokerVersionData(api_versions=spans)

    def _log_in(self, wire: socket.socket, versions: BrokerVersionData) -> None:
        name = self._options["sasl_mechanism"]
        answer = self._ask(wire, SaslHandshakeRequest(mechanism=name, max_version=1), versions)
        problem = for_code(answer.error_code)
        if problem is UnsupportedSaslMechanismError:
            raise self._reasons.other_mechanisms(answer.mechanisms)
        if problem is not NoError:
            raise problem
        mechanism = get_sasl_mechanism(name)(host=self._host, **self._options)
        while not mechanism.is_done():
            answer = self._ask(wire, SaslAuthenticateRequest(mechanism.auth_bytes()), versions)
            if answer.error_code:
                raise self._reasons.refused(answer.error_message or "")
            mechanism.receive(answer.auth_bytes)
        if not mechanism.is_authenticated():
            raise self._reasons.refused("")

    def _ask(self, wire: socket.socket, request: Any, versions: BrokerVersionData | None = None) -> Any:
        """Send *request* and return its answer."""
        if versions is not None:
            request.API_VERSION = versions.api_version(request)
        self._parser.send_request(request)
        wire.sendall(self._parser.send_bytes())
        heard = b""
        while True:
            data = wire.recv(65536)
            if not data:
                raise ConnectionResetError
            heard = heard or data
            if heard[:2] in _TLS_RECORDS:
                raise self._reasons.speaks_tls()
            for _, answer in self._parser.receive_bytes(data):
                return answer

    def _meet(self, brokers: Iterable[tuple[str, int]]) -> None:
        """Refuse a cluster whose brokers call themselves what nobody here can reach: it would look like an outage."""
        why: list[str] = []
        for host, port in brokers:
            try:
                socket.create_connection((host, port), self._seconds).close()
            except OSError as error:
                why.append(f"{host}:{port}: {error.strerror or error}")
            else:
                return
        if why:
            raise NotReadyError(
                f"{self._server} answers, but calls its brokers what can't be reached from here ({why[0]}); "
                "see the brokers' advertised.listeners"
            )
