"""Opening one of kafka-python's clients, and leaving nothing behind when the broker does not answer.

A client connects while it is constructed, on a thread of its own; when that fails there is no client to close, but
thread and sockets live on. So its network half is made here and closed when the other half fails. Called for every
consumer, producer and admin client.
"""

from collections.abc import Callable
from typing import Any

from kafka.net.compat import KafkaNetClient

from dutyd.core.errors import NotReadyError
from dutyd.stream.kafka.settings import ClientSettings
from dutyd.stream.kafka.trouble import reaching


def open_client(make: Callable[..., Any], settings: ClientSettings, what: str, **options: Any) -> Any:
    """Return ``make(...)`` connected to the broker, with *options* on top of the *settings*.

    Raises:
        NotReadyError: it could not connect within the bootstrap time; says *what* can't be done, and why.

    """
    networks: list[Any] = []

    def network(**configs: Any) -> Any:
        networks.append(KafkaNetClient(**configs))
        return networks[-1]

    try:
        with reaching(settings.servers, what):
            return make(**settings.options, **options, kafka_client=network)
    except NotReadyError:
        for each in networks:
            each.close()
        raise
