"""Opening kafka-python's clients: a knock first, and nothing left behind when the broker does not answer.

A client connects while it is constructed, on a thread of its own; when that fails there is no client to close, but
thread and sockets live on. So its network half is made here and closed when the other half fails. One ``Door`` a
stream; every consumer, producer and admin client comes through it.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from kafka import KafkaConsumer

from dutyd.core.errors import NotReadyError, SettingsError
from dutyd.stream.kafka.knock import knock
from dutyd.stream.kafka.network import AGAIN_SECONDS, Refusal, make_network
from dutyd.stream.kafka.reading import read_by
from dutyd.stream.kafka.settings import ClientSettings
from dutyd.stream.kafka.trouble import reaching

PATIENCE_SECONDS = 5.0
"""How long servers that are not there are tried again, the first time: everything may be starting together."""


class Door:
    """The way to one broker.

    Args:
        settings: what every client starts from.

    """

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._open = False  # nobody has to knock
        self._was_open = False
        self._patience = PATIENCE_SECONDS
        self._refusal = Refusal()

    def client(self, make: Callable[..., Any], what: str, **options: Any) -> Any:
        """Return ``make(...)`` connected to the broker, with *options* on top of the settings.

        Raises:
            NotReadyError: it could not connect; says *what* can't be done, and why.
            SettingsError: the settings do not fit the broker, and never did. What once fitted is the broker's affair,
                and may fit again.

        """
        self._knock()
        networks: list[Any] = []

        def network(**configs: Any) -> Any:
            networks.append(make_network(self._refusal, **configs))
            return networks[-1]

        try:
            with self.reaching(what):
                return make(**self.settings.options, **options, kafka_client=network)
        except NotReadyError:
            self._open = False
            for each in networks:
                each.close()
            raise

    def reader(self, what: str, **options: Any) -> Any:
        """Return a ``KafkaConsumer`` that makes records as the settings say; otherwise as ``client``."""
        consumer = self.client(KafkaConsumer, what, **options)
        read_by(self.settings.reader, consumer)
        return consumer

    def reaching(self, what: str) -> AbstractContextManager[None]:
        """Do *what* at the broker: see ``trouble.reaching``."""
        return reaching(self.settings.servers, what, self.refused)

    def refused(self) -> str:
        """Return why nobody logs in at the moment, an empty text where nothing hinders."""
        left = self._refusal.seconds_left()
        return f"{self._refusal.reason} (tried again in {left:.0f} s)" if left else ""

    def _knock(self) -> None:
        with self._lock:
            if self._open:
                return
            wrong = NotReadyError if self._was_open else SettingsError
            if refused := self.refused():
                raise wrong(f"Kafka: {refused}")
            try:
                knock(self.settings, self._patience)
            except NotReadyError as error:
                self._patience = 0.0
                raise NotReadyError(f"Kafka: {error}") from error
            except SettingsError as error:
                self._refusal.note(str(error), AGAIN_SECONDS)
                raise wrong(f"Kafka: {error}") from error
            self._open = self._was_open = True
