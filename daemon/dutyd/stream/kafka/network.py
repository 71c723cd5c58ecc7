"""The network half of kafka-python's clients, patient after a refused login.

kafka-python logs in again at once when a login was refused, several times a second and for each of its clients: brokers
and directories lock such accounts. Here a refusal is shared by all clients of one ``client.Door``, and nobody logs in
again before ``AGAIN_SECONDS`` have passed; connections that stand go on. For that the refusal must be heard: the client
throws away what came together with the end of a connection, which is how brokers refuse. All this is inside the client,
so it is done only with versions of kafka-python that it was tested on.
"""

import time
from typing import Any

import kafka
from kafka.errors import SaslAuthenticationFailedError
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from dutyd.stream.kafka.tokens import NoTokenError

TESTED = ("3.0.12",)
"""The versions of kafka-python whose inside is known."""

AGAIN_SECONDS = 30.0

NO_TOKEN_SECONDS = 2.0
"""How soon somebody looks for a token again where there was none: nobody is locked out by that."""


class Refusal:
    """The newest refused login of anybody, and why."""

    def __init__(self) -> None:
        self.reason = ""
        self._until = 0.0

    def note(self, reason: str, seconds: float) -> None:
        """Remember that a login was refused just now, and that nobody should log in for *seconds*."""
        self.reason, self._until = reason, time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Return how long nobody should log in."""
        return max(0.0, self._until - time.monotonic())


class _PatientManager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python ships no annotations
    def __init__(self, net: Any, refusal: Refusal, **configs: Any) -> None:
        super().__init__(net, **configs)
        self._refusal = refusal

    async def _build_transport(self, *arguments: Any, **options: Any) -> Any:
        transport = await super()._build_transport(*arguments, **options)
        receive = transport._sock_recv  # noqa: SLF001  # there is no public way

        def receive_to_the_end() -> tuple[bytes, Exception | None]:
            data, error = receive()
            return data, None if data else error  # the end comes again by itself

        transport._sock_recv = receive_to_the_end  # noqa: SLF001  # same
        return transport

    async def _connect(self, node: Any, conn: Any, *arguments: Any, **options: Any) -> None:
        await super()._connect(node, conn, *arguments, **options)
        error = conn.init_future.exception
        if isinstance(error, SaslAuthenticationFailedError):
            self._refusal.note(str(error), AGAIN_SECONDS)
        elif isinstance(error, NoTokenError):
            self._refusal.note(str(error.because), NO_TOKEN_SECONDS)

    def connection_delay(self, node_id: Any) -> float:
        """Return the seconds until this node may be connected to; the client asks before everything that it sends."""
        delay: float = super().connection_delay(node_id)
        conn = self._conns.get(node_id)
        return delay if conn is not None and conn.connected else max(delay, self._refusal.seconds_left())


def make_network(refusal: Refusal, **configs: Any) -> Any:
    """Return what a client is given as its ``kafka_client``."""
    if kafka.__version__ not in TESTED:
        return KafkaNetClient(**configs)
    net = NetworkSelector(**configs)
    return KafkaNetClient(net=net, manager=_PatientManager(net, refusal, **configs), **configs)
