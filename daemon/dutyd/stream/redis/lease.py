"""The one member of a group that reads: a key with a time to live, held by a random token.

A Redis stream has one partition, so one process decides and a second stands by. The holder renews between polls;
one that is silent for ``SECONDS`` loses it, and learns that at its next poll. Offsets are committed through the same
token, so that a member that was away for too long changes nothing.
"""

import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import redis

SECONDS = 10.0

_RENEW = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])
"""

_RELEASE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('del', KEYS[1])
"""

_COMMIT = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('hset', KEYS[2], unpack(ARGV, 2))
return 1
"""


class Lease:
    """One member's claim on a group."""

    def __init__(self, client: "redis.Redis", group: str, seconds: float = SECONDS) -> None:
        self._key = f"{group}:owner"
        self._offsets = f"{group}:offsets"
        self._token = secrets.token_hex(16)
        self._seconds = seconds
        self._renewed = 0.0
        self._client = client
        self._renew = client.register_script(_RENEW)
        self._release = client.register_script(_RELEASE)
        self._commit = client.register_script(_COMMIT)

    def acquire(self) -> bool:
        """Try to become the one that reads."""
        asked = time.monotonic()
        taken = self._client.set(self._key, self._token, nx=True, px=int(self._seconds * 1000))
        if taken:
            self._renewed = asked
        return bool(taken)

    def keep(self) -> bool:
        """Renew when a third of the time is over; False: it is not ours any more."""
        asked = time.monotonic()
        if asked - self._renewed < self._seconds / 3:
            return True
        if not self._renew(keys=[self._key], args=[self._token, int(self._seconds * 1000)]):
            return False
        self._renewed = asked
        return True

    def commit(self, offsets: Mapping[str, int]) -> bool:
        """Store offsets by topic; False: it is not ours any more, nothing was stored."""
        pairs = [part for pair in offsets.items() for part in pair]
        return bool(self._commit(keys=[self._key, self._offsets], args=[self._token, *pairs]))

    def committed(self, topics: list[str]) -> list[int | None]:
        """Return the stored offset of each topic."""
        stored = self._client.hmget(self._offsets, topics)
        return [None if each is None else int(each) for each in stored]

    def release(self) -> None:
        """Let the next one in at once."""
        self._release(keys=[self._key], args=[self._token])
