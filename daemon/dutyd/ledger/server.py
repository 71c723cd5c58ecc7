"""What the Redis server must be for the ledger's promises to hold: asked at start and by ``doctor``.

That a write is on disk when it counts is proven, not believed: a write and ``WAITAOF 1 0 1`` go out together, a few
times. A server that fsyncs every write does so before it looks at its timers, so it has always done it when the single
millisecond is over, however slow its disk is; one that fsyncs every second has not. That also works where a managed
server tells nothing of its settings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from dutyd.core.errors import NotReadyError, SettingsError

if TYPE_CHECKING:
    import redis

PROBES = 5
"""Writes that are looked at. Once a second one may be fsynced by chance where not all are."""

FULL = 0.8
"""Share of ``maxmemory`` from which on the server is nearly full."""


class Fsync(StrEnum):
    """What is known of the way that a write takes to the disk."""

    PROVEN = "every write is on disk before it counts, as a few writes have shown"
    CLAIMED = "appendfsync is 'always' by the server's own word; it is too old, or forbids, to prove it"
    LATE = "writes count before they are on disk"
    OFF = "appendonly is off: nothing is on disk"
    UNKNOWN = "unknown: the server tells nothing of it"


@dataclass(frozen=True, slots=True)
class Weakness:
    """Something that the server promises less of than dutyd needs for its own promise.

    Attributes:
        about: ``fsync``, ``eviction``, ``memory``.
        found, promised: what there is, what there should be.
        mend: what to do.

    """

    about: str
    found: str
    promised: str
    mend: str

    def __str__(self) -> str:
        """Return it as one line for the log."""
        return f"Redis {self.about}: {self.found}; {self.mend}"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server is.

    Attributes:
        fsync: the proof.
        policy: its ``appendfsync`` setting, or ``unknown``.
        eviction: its ``maxmemory-policy``, or ``unknown``.
        memory: the share of its ``maxmemory`` that is used; 0.0 without one.
        version: as people know it, such as ``Valkey 9.1.2``.

    """

    fsync: Fsync
    policy: str
    eviction: str
    memory: float
    version: str

    @property
    def weaknesses(self) -> tuple[Weakness, ...]:
        """What is weaker than promised."""
        return tuple(self._weak())

    def _weak(self) -> Iterator[Weakness]:
        if self.fsync is not Fsync.PROVEN:
            found = self.fsync.value + (f" (appendfsync {self.policy})" if self.fsync is Fsync.LATE else "")
            what = "set appendonly yes and appendfsync always"
            if self.fsync is Fsync.CLAIMED:
                what = "Redis 7.2 or Valkey can prove it, where the user may call WAITAOF"
            yield Weakness("fsync", f"{found}: what was done last may be forgotten with the machine", _DURABLE, what)
        if self.eviction != "noeviction":
            found = f"maxmemory-policy is '{self.eviction}': a full server may delete keys of the ledger"
            yield Weakness("eviction", found, "maxmemory-policy noeviction", "set maxmemory-policy noeviction")
        if self.memory >= FULL:
            found = f"{self.memory:.0%} of maxmemory is used: at 100 % it refuses writes, and dutyd stops deciding"
            yield Weakness("memory", found, f"less than {FULL:.0%} used", "raise maxmemory, or find what else fills it")


_DURABLE = "every write on disk before it counts (appendonly yes, appendfsync always)"


def server_facts(client: "redis.Redis", installation: str) -> ServerFacts:
    """Ask the server what it is, and try a few writes: a key of *installation* that lives for a second.

    Raises:
        NotReadyError: it does not answer, or takes no writes now.
        SettingsError: it is a Redis Cluster, which can't run scripts over several keys; or the login is wrong.

    """
    try:
        info: Mapping[str, Any] = client.info()
        if info.get("redis_mode") == "cluster" or info.get("server_mode") == "cluster" or info.get("cluster_enabled"):
            raise SettingsError(
                "redis: this is a Redis Cluster; dutyd's scripts touch several keys: use one server, or Sentinel"
            )
        policy = _policy(client)
        fsync = _prove(client, f"{installation}:probe", policy)
    except AuthenticationError as error:
        raise SettingsError(f"redis: the login is wrong: {error}; see `redis` in the settings") from error
    except RedisError as error:
        raise NotReadyError(f"Redis does not answer: {error}") from error
    return ServerFacts(
        fsync,
        policy,
        str(info.get("maxmemory_policy", "unknown")),
        _share(info),
        _version(info),
    )


def _prove(client: "redis.Redis", key: str, policy: str) -> Fsync:
    """Write, and ask in the same breath whether it is on disk."""
    on_disk = 0
    for _ in range(PROBES):
        with client.pipeline(transaction=False) as pipe:
            pipe.set(key, "", px=1000)
            pipe.waitaof(1, 0, 1)
            written, told = pipe.execute(raise_on_error=False)
        if isinstance(written, RedisError):
            raise NotReadyError(_refusal(written)) from written
        if isinstance(told, ResponseError):
            return _untold(told, policy)
        on_disk += isinstance(told, list) and told[0] == 1
    return Fsync.PROVEN if on_disk == PROBES else Fsync.LATE


def _refusal(error: RedisError) -> str:
    """Say why a write was refused."""
    if isinstance(error, ReadOnlyError):
        return "Redis takes no writes: it is a replica; name the primary, or sentinel://, as `redis` in the settings"
    if isinstance(error, OutOfMemoryError):
        return "Redis takes no writes: maxmemory is used up; raise it, or find what else fills it"
    if isinstance(error, NoPermissionError):
        return f"Redis takes no writes from this user: {error}; it needs ~INSTALLATION:* and the topics' keys, +@all"
    return f"Redis takes no writes: {error}"


def _untold(error: ResponseError, policy: str) -> Fsync:
    """Return what is left to know where ``WAITAOF`` was refused: appendonly off, too old, or forbidden."""
    if "appendonly is disabled" in str(error):
        return Fsync.OFF
    known = {"always": Fsync.CLAIMED, "unknown": Fsync.UNKNOWN}
    return known.get(policy, Fsync.LATE)


def _policy(client: "redis.Redis") -> str:
    """Read the fsync setting; managed servers often forbid it, which is not an outage."""
    try:
        found = client.config_get("appendonly", "appendfsync")
    except ResponseError:
        return "unknown"
    told = {_text(name): _text(value) for name, value in found.items()}
    return told.get("appendfsync", "unknown") if told.get("appendonly") == "yes" else "off"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _share(info: Mapping[str, Any]) -> float:
    limit = int(info.get("maxmemory", 0))
    return int(info.get("used_memory", 0)) / limit if limit else 0.0


def _version(info: Mapping[str, Any]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', 'of an unknown version')}"
