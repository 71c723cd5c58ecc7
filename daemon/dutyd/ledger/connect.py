"""Connections to Redis from one URL.

``redis://``, ``rediss://`` and ``sentinel://host:port,host:port/MASTER`` are understood. Called by ``app`` and by the
command line; the evaluate path takes the plain client, everything that acts the asyncio one.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

from dutyd.core.errors import SettingsError

TIMEOUT = 5.0
"""Seconds that one command may take; Redis answers in well under a millisecond, so this is an outage."""

CONNECTIONS = 32
"""Of one process that acts, at most: ``ledger.line`` is one of them, lists take others. Who finds none free waits."""


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
