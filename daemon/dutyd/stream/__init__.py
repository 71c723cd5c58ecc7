"""Topics: where events come from, and where triggers, outcomes and dead letters go."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import redis as redis_py

from dutyd.core.errors import SettingsError
from dutyd.stream.base import Stream

SOCKET_SECONDS = 5.0


def _connect(url: str) -> "redis_py.Redis":
    return redis_py.Redis.from_url(url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=SOCKET_SECONDS)


def open_stream(
    url: str, security: Mapping[str, str], *, connect: Callable[[str], "redis_py.Redis"] = _connect
) -> Stream:
    """Open the stream at *url*: ``kafka://host:port,host:port``, or a Redis server.

    Args:
        url: the ``stream`` setting; nothing is sent yet.
        security: the ``kafka`` section of the settings.
        connect: makes a plain client for every other address.

    Raises:
        SettingsError: the address or the section is wrong.

    """
    scheme = urlsplit(url).scheme
    if scheme == "kafka":
        from dutyd.stream.kafka import KafkaStream

        return KafkaStream(url, security)
    if scheme in ("redis", "rediss", "unix", "sentinel"):
        from dutyd.stream.redis import RedisStream

        return RedisStream(connect(url))
    raise SettingsError(f"stream: {url!r}: write kafka://host:9092 or redis://host:6379")
