"""The client settings for a broker: the stream's URL and the ``kafka`` section of the settings, in kafka-python's
words.

Made once by ``KafkaStream``; every consumer, producer and admin client starts from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dutyd.core.errors import SettingsError, nearest
from dutyd.stream.kafka.security import NAMES as SECURITY
from dutyd.stream.kafka.security import one_of, security_options

LEAN, CLIENT = "lean", "client"
READERS = (LEAN, CLIENT)

NAMES = (*SECURITY, "session", "reader")

BOOTSTRAP_MS = 10_000
REQUEST_MS = 20_000
"""A request that takes longer is an outage; well under the minute that no call may exceed."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What every client of one broker starts from.

    Attributes:
        servers: ``host:port,host:port``, for messages.
        options: kafka-python's own names.
        session_ms: how long a silent member of a group keeps its partitions.
        reader: who makes records of what is fetched, one of ``READERS``.

    """

    servers: str
    options: Mapping[str, Any]
    session_ms: int = 10_000
    reader: str = LEAN


def client_settings(url: str, section: Mapping[str, str]) -> ClientSettings:
    """Read ``kafka://host:port,host:port[?api_version=2.3]`` and the ``kafka`` section.

    ``api_version`` is for servers that don't negotiate it.

    Raises:
        SettingsError: something is missing, unknown, or a file can't be used.

    """
    for name in section:
        if name not in NAMES:
            raise SettingsError(f"kafka: unknown setting '{name}'{nearest(name, NAMES)}")
    parts = urlsplit(url)
    servers = [_with_port(server) for server in parts.netloc.split(",") if server]
    if parts.scheme != "kafka" or not servers or not all(server.rpartition(":")[2].isdigit() for server in servers):
        raise SettingsError(f"stream: {url!r} is no Kafka address: write kafka://host:9092,host:9092")
    options: dict[str, Any] = {
        "bootstrap_servers": servers,
        "bootstrap_timeout_ms": BOOTSTRAP_MS,
        "request_timeout_ms": REQUEST_MS,
        "reconnect_backoff_max_ms": 1_000,
        "metadata_max_age_ms": 5_000,
        "api_version": _api_version(url, parts.query),
        **security_options(section),
    }
    reader = one_of("reader", section, READERS) or LEAN
    return ClientSettings(",".join(servers), options, int(float(section.get("session", 10.0)) * 1000), reader)


def _with_port(server: str) -> str:
    return server if ":" in server and not server.endswith("]") else f"{server}:9092"


def _api_version(url: str, query: str) -> tuple[int, ...] | None:
    asked = parse_qs(query)
    unknown = sorted(set(asked) - {"api_version"})
    if unknown:
        raise SettingsError(f"stream: {url!r} has an unknown option '{unknown[0]}': only api_version is known")
    try:
        return tuple(int(part) for part in asked["api_version"][0].split(".")) if asked else None
    except ValueError:
        raise SettingsError(f"stream: {url!r}: write api_version as 2.3") from None
