"""The world of one command: what the settings name, opened when it is first needed and closed together.

``run`` needs all of it, ``incidents list`` only the ledger: so every part is opened on first use. What is missing in
the settings is embedded, and said: a Valkey server on ``data``, a back office beside it.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Self

import redis
import redis.asyncio
import structlog

from dutyd.app.catalogue import installed_tools
from dutyd.app.providers import open_providers
from dutyd.core.policy import Policy
from dutyd.core.route import Routes
from dutyd.core.tool import Catalogue
from dutyd.core.topic import Topic
from dutyd.ledger import Ledger, open_ledger
from dutyd.ledger.connect import connect, connect_async
from dutyd.rules.known import Known
from dutyd.rules.policy import load_policy
from dutyd.settings import Settings
from dutyd.stream import open_stream
from dutyd.stream.base import Stream

log = structlog.get_logger()


class World:
    """Everything that the settings name. A context manager; leaving it closes what was opened, newest first."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    @cached_property
    def redis_url(self) -> str:
        """The ledger's address; the embedded server is joined or started where the settings name none."""
        if (address := self.settings.redis_url) is not None:
            return address
        from dutyd.embedded.valkey import join_or_start

        embedded = join_or_start(self.settings.data)
        self._open.callback(embedded.stop)
        if embedded.started:
            log.info("embedded Valkey started: no `redis` in the settings", data=str(self.settings.data))
        return embedded.url

    @cached_property
    def plain_redis(self) -> "redis.Redis":
        """A plain client of the ledger's server."""
        client = connect(self.redis_url)
        self._open.callback(client.close)
        return client

    @cached_property
    def stream(self) -> Stream:
        """The broker: the ledger's server where the settings name no other."""
        return self.another_stream()

    def another_stream(self) -> Stream:
        """Return a new connection to the broker, for a thread of its own."""
        stream = open_stream(self.settings.stream_url or self.redis_url, kafka_security(self.settings), connect=connect)
        self._open.callback(stream.close)
        return stream

    @cached_property
    def catalogue(self) -> Catalogue:
        """Every installed tool by name."""
        return installed_tools()

    @cached_property
    def policy(self) -> Policy:
        """The ceiling; without one everything that a rule says is allowed."""
        return load_policy(self.settings.policy, self.catalogue) if self.settings.policy else Policy()

    @cached_property
    def known(self) -> Known:
        """What the rule checker holds rule files against, by what the settings say."""
        routes = {family: frozenset(each.routes) for family, each in self.settings.providers if each is not None}
        price = self.settings.model.price if self.settings.model is not None else None
        return Known(
            catalogue=self.catalogue,
            topics=self.topics,
            policy=self.policy,
            routes=routes,
            token_usd=None if price is None else max(price.input, price.output) / 1_000_000,
        )

    @property
    def topics(self) -> Mapping[str, Topic]:
        """The source topics by alias. Redis Streams have one partition, whatever the settings say."""
        sources = self.settings.sources
        if (self.settings.stream_url or "").startswith("kafka://"):
            return sources
        return {alias: replace(topic, partitions=1, rekey=False) for alias, topic in sources.items()}

    def records_in(self, topic: str) -> int | None:
        """Return how many records *topic* holds, for progress; None where its offsets don't tell (Redis Streams)."""
        if not (self.settings.stream_url or "").startswith("kafka://"):
            return None
        return sum(span.end - span.begin for span in self.stream.spans([topic]).values())

    def known_really(self) -> Known:
        """Return what rule files are held against, with the partition counts that the broker's topics really have."""
        counts = {alias: self.stream.partitions(topic.topic) for alias, topic in self.topics.items()}
        real = {
            alias: replace(topic, partitions=counts[alias] or topic.partitions) for alias, topic in self.topics.items()
        }
        return replace(self.known, topics=real)

    def ledger(self, client: "redis.asyncio.Redis") -> Ledger:
        """Return the ledger on *client*, which belongs to one event loop."""
        return open_ledger(client, self.settings.installation)

    def ledger_client(self) -> "redis.asyncio.Redis":
        """Return a new asyncio client of the ledger's server; the caller closes it."""
        return connect_async(self.redis_url)

    def providers(self) -> Mapping[str, Routes]:
        """Return the systems behind each tool family; the embedded back office where none is set.

        Providers hold connections of the running event loop: the caller closes them there.
        """
        families = {tool.family for tool in self.catalogue.values()}
        return open_providers(self.settings, families, lambda: self.backoffice_url)

    @cached_property
    def backoffice_url(self) -> str:
        """The address of the embedded back office, served from this process on first use."""
        from dutyd.embedded.backoffice import app
        from dutyd.embedded.loopback import Loopback

        self.settings.data.mkdir(parents=True, exist_ok=True)
        server = Loopback(app(self.settings.data / "backoffice.db")).start()
        self._open.callback(server.stop)
        log.info("embedded back office serves tools without a provider", url=server.url)
        return server.url


def kafka_security(settings: Settings) -> Mapping[str, str]:
    """Return the ``kafka`` section as the stream takes it: with the secrets themselves in place of where they are."""
    kafka = settings.kafka
    places = {f"{name}_{place}" for name in ("password", "key_password", "client_secret") for place in ("file", "env")}
    said = {name: str(value) for name, value in kafka.model_dump(exclude=places, exclude_none=True).items()}
    return said | {name: secret.get_secret_value() for name, secret in kafka.secrets().items()}


def process_name() -> str:
    """Return a name for this process that people find again: host and process id."""
    return f"{os.uname().nodename}-{os.getpid()}"
