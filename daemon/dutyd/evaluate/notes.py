"""What the evaluators of an installation note for each other in Redis beside the checkpoints of tasks: for how many
partitions state was made, which tasks ran the scheduled rules, since when by-key topics carry what rules see.

Called through ``Checkpoint.notes`` by ``topics``, ``assignment``, ``begun``, ``repartition`` and commands that look.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import redis
from redis.exceptions import RedisError

from dutyd.core.errors import NotReadyError


@contextmanager
def answering() -> Iterator[None]:
    """Turn Redis' errors into NotReadyError: an outage is never an answer."""
    try:
        yield
    except RedisError as error:
        raise NotReadyError(f"Redis: {error}") from error


class Notes:
    """The notes of one installation. Every method raises NotReadyError where Redis does not answer."""

    def __init__(self, client: "redis.Redis", installation: str) -> None:
        self._redis = client
        self._installation = installation

    def keep_counts(self, counts: Mapping[str, int]) -> Mapping[str, int]:
        """Store how many partitions each topic has where that is not stored yet; return what is stored."""
        key = f"{self._installation}:partitions"
        with answering():
            pipe = self._redis.pipeline(transaction=False)
            for topic, count in counts.items():
                pipe.hsetnx(key, topic, str(count))
            pipe.hgetall(key)
            stored: dict[bytes, bytes] = pipe.execute()[-1]
        return {topic.decode(): int(count) for topic, count in stored.items()}

    def counts(self) -> Mapping[str, int]:
        """Return how many partitions each topic had when its state was made."""
        with answering():
            stored: dict[bytes, bytes] = self._redis.hgetall(f"{self._installation}:partitions")  # type: ignore[assignment]  # sync client
        return {topic.decode(): int(count) for topic, count in stored.items()}

    def set_count(self, topic: str, count: int) -> None:
        """Note that the state of *topic* is made for *count* partitions from now on."""
        with answering():
            self._redis.hset(f"{self._installation}:partitions", topic, str(count))

    def schedulers(self, task: str) -> list[str]:
        """Note that *task* runs the scheduled rules from now on; return all tasks that ever did, this one, too."""
        key = f"{self._installation}:schedulers"
        with answering():
            self._redis.sadd(key, task)
            found: set[bytes] = self._redis.smembers(key)  # type: ignore[assignment]  # sync client
        return sorted(each.decode() for each in found)

    def begin(self, alias: str, partition: int, views: Collection[str], at: float) -> None:
        """Note that *partition* of topic *alias* is carried for *views* from the time *at* on, where it was not yet;
        it is carried for no others any more.
        """
        key = self._begun_key(alias)
        stored = self.begun(alias)
        wanted = {f"{partition} {view}" for view in views}
        gone = [name for name in stored if name.startswith(f"{partition} ") and name not in wanted]
        with answering():
            pipe = self._redis.pipeline(transaction=False)
            for name in wanted - stored.keys():
                pipe.hsetnx(key, name, repr(at))
            if gone:
                pipe.hdel(key, *gone)
            pipe.execute()

    def begun(self, alias: str) -> Mapping[str, float]:
        """Return since when what is carried of topic *alias*: source partition and view, parted by a space."""
        with answering():
            stored: dict[bytes, bytes] = self._redis.hgetall(self._begun_key(alias))  # type: ignore[assignment]  # sync
        return {name.decode(): float(value) for name, value in stored.items()}

    def _begun_key(self, alias: str) -> str:
        return f"{self._installation}:by-key:{alias}"
