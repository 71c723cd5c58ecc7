"""Connections to Redis from one URL, and what the server must be for the ledger's promises to hold.

``redis://``, ``rediss://`` and ``sentinel://host:port,host:port/MASTER`` are understood. Called by ``app`` and by the
command line; the evaluate path takes the plain client, everything that acts the asyncio one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

from dutyd.core.errors import NotReadyError, SettingsError

TIMEOUT = 5.0
"""Seconds that one command may take; Redis answers in well under a millisecond, so this is an outage."""

CONNECTIONS = 32
"""Of one process that acts. More incidents than this may be in work: they wait a moment for a free one."""


def connect(url: str) -> "redis.Redis":
    """Return a plain client for *url*; nothing is sent yet."""
    if url.startswith("sentinel://"):
        hosts, master, login = _sentinels(url)
        sentinel = redis.sentinel.Sentinel(hosts, socket_timeout=TIMEOUT)  # type: ignore[no-untyped-call]  # redis-py
        found: redis.Redis = sentinel.master_for(master, socket_timeout=TIMEOUT, **login)  # type: ignore[no-untyped-call]  # same
        return found
    return redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)


def connect_async(url: str) -> "redis.asyncio.Redis":
    """Return an asyncio client for *url*; nothing is sent yet."""
    if url.startswith("sentinel://"):
        hosts, master, login = _sentinels(url)
        sentinel = redis.asyncio.sentinel.Sentinel(hosts, socket_timeout=TIMEOUT)  # type: ignore[no-untyped-call]  # redis-py
        found: redis.asyncio.Redis = sentinel.master_for(master, socket_timeout=TIMEOUT, **login)
        return found
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=TIMEOUT,  # of the wait for a free one
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
    )
    return redis.asyncio.Redis.from_pool(pool)


def _sentinels(url: str) -> tuple[list[tuple[str, int]], str, Mapping[str, Any]]:
    """Return the sentinels, the master's name, and the login: it is the master's, not theirs."""
    parts = urlsplit(url)
    login = {"username": parts.username or None, "password": unquote(parts.password)} if parts.password else {}
    hosts = []
    for pair in parts.netloc.rpartition("@")[2].split(","):
        host, _, port = pair.partition(":")
        hosts.append((host, int(port or 26379)))
    master = parts.path.strip("/")
    if not master:
        raise SettingsError(f"redis: {url!r} names no master: write sentinel://host:26379,host:26379/MASTER")
    return hosts, master, login


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server is: read once at start and by ``doctor``.

    Attributes:
        fsync: ``always``, ``everysec``, ``no``, ``off`` (no append-only file) or ``unknown`` (it won't say).
        eviction: its ``maxmemory-policy``, or ``unknown``.
        run_id: changes whenever the server starts anew.
        version: as it reports it.

    """

    fsync: str
    eviction: str
    run_id: str
    version: str

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """What is weaker than promised, each a sentence with what to do."""
        found = []
        if self.fsync != "always":
            found.append(
                f"Redis fsync policy is '{self.fsync}': up to a second of the ledger can be lost with the machine; "
                "set appendonly yes and appendfsync always"
            )
        if self.eviction != "noeviction":
            found.append(
                f"Redis maxmemory-policy is '{self.eviction}': it may delete ledger keys; set it to noeviction"
            )
        return tuple(found)


def server_facts(client: "redis.Redis") -> ServerFacts:
    """Ask the server what it is.

    Raises:
        NotReadyError: it does not answer.
        SettingsError: it is a Redis Cluster, which can't run scripts over several keys.

    """
    try:
        info: Mapping[str, Any] = client.info()
        config = _config(client)
    except redis.RedisError as error:
        raise NotReadyError(f"Redis does not answer: {error}") from error
    if info.get("redis_mode") == "cluster":
        raise SettingsError("redis: this is a Redis Cluster; dutyd's scripts touch several keys: use a single server")
    on = config.get("appendonly", "unknown")
    fsync = {"yes": config.get("appendfsync", "unknown"), "no": "off"}.get(on, "unknown")
    return ServerFacts(
        fsync,
        config.get("maxmemory-policy", "unknown"),
        str(info.get("run_id", "")),
        str(info.get("redis_version", "")),
    )


def _config(client: "redis.Redis") -> Mapping[str, str]:
    """Read the settings that matter; managed servers often forbid it, which is not an outage."""
    try:
        found = client.config_get("appendonly", "appendfsync", "maxmemory-policy")
    except redis.ResponseError:
        return {}
    return {str(name): str(value) for name, value in found.items()}
