"""What of a Kafka topic differs from its ``TopicSpec``, and what that does: a pure judgement of what the broker said.

Called by ``KafkaStream.differences``. A difference is fatal where records would be deleted that are needed, or refused
that must be kept; all others only weaken a promise. More than was wanted is never a difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dutyd.stream.base import TopicSpec
from dutyd.stream.fit import Difference, Harm

SAFE_REPLICAS = 3
"""One broker may fail while another one is being restarted."""

SAFE_IN_SYNC = 2

FOREVER = -1

_POLICY, _LAG, _RETENTION, _BYTES = "cleanup.policy", "min.compaction.lag.ms", "retention.ms", "max.message.bytes"
_IN_SYNC = "min.insync.replicas"


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """What the broker says of a topic.

    Attributes:
        partitions: how many.
        replicas: how many copies its least copied partition has.
        brokers: how many brokers the cluster has.
        config: every setting by name; empty where the broker does not tell.

    """

    partitions: int
    replicas: int
    brokers: int
    config: Mapping[str, str]


def differences(spec: TopicSpec, found: FoundTopic, servers: str) -> tuple[Difference, ...]:
    """Return how *found* differs from *spec*; *servers* go into the commands."""
    return tuple(_Judge(spec, found, servers).all())


@dataclass(frozen=True, slots=True)
class _Judge:
    spec: TopicSpec
    found: FoundTopic
    servers: str

    def all(self) -> Iterator[Difference]:
        yield from self._partitions()
        yield from self._replicas()
        if not self.found.config:
            yield self._hidden()
            return
        yield from self._policy()
        yield from self._at_least(_LAG, "who was away for longer misses what changed meanwhile")
        yield from self._at_least(_RETENTION, "records are deleted before people come to look at them")
        yield from self._at_least(_BYTES, "the broker refuses larger records")
        yield from self._in_sync()

    def _partitions(self) -> Iterator[Difference]:
        if self.found.partitions < self.spec.partitions:
            because = f"at most {self.found.partitions} processes share it"
            # A key's records must stay in one partition, in order.
            mend = f"only before its first use: {self._topics('--alter', f'--partitions {self.spec.partitions}')}"
            yield self._weak("partitions", str(self.found.partitions), f"{self.spec.partitions} or more", because, mend)

    def _replicas(self) -> Iterator[Difference]:
        if self.found.replicas >= SAFE_IN_SYNC:
            return
        lone = self.found.brokers < SAFE_IN_SYNC
        because = "what it holds is lost with that broker's disk"
        mend = "kafka-reassign-partitions.sh gives an existing topic more replicas"
        if lone:
            mend = "the cluster has one broker: add more, then " + mend
        yield self._weak("replicas", str(self.found.replicas), f"{SAFE_REPLICAS}", because, mend)

    def _hidden(self) -> Difference:
        wanted = ", ".join(f"{name}={value}" for name, value in self.spec.config.items()) or "the defaults"
        because = "this client may not see them, so nobody knows what the broker deletes"
        return self._weak("settings", "not shown", wanted, because, "grant DescribeConfigs on the topic to this client")

    def _policy(self) -> Iterator[Difference]:
        wanted = self.spec.config.get(_POLICY)
        found = self.found.config.get(_POLICY, "delete")
        policies = set(found.replace(" ", "").split(",")) - {""}
        if wanted is None or policies == {wanted}:
            return
        if wanted == "delete":
            because = "the broker refuses records without a key and deletes all but the newest of each key"
            yield self._setting(_POLICY, found, wanted, Harm.FATAL, because)
        elif "delete" in policies and self._deletes():
            because = "the broker deletes records that are still needed when they are old"
            yield self._setting(_POLICY, found, wanted, Harm.FATAL, because)
        elif "compact" not in policies:
            yield self._setting(_POLICY, found, wanted, Harm.WEAK, "the topic grows for ever, and starts take longer")

    def _deletes(self) -> bool:
        limits = (self.found.config.get(name) for name in (_RETENTION, "retention.bytes"))
        return any(limit is not None and int(limit) != FOREVER for limit in limits)

    def _at_least(self, name: str, because: str) -> Iterator[Difference]:
        wanted, found = self.spec.config.get(name), self.found.config.get(name)
        if wanted is None or found is None or (name == _RETENTION and int(found) == FOREVER):
            return
        if int(found) < int(wanted):
            yield self._setting(name, found, wanted, Harm.WEAK, because)

    def _in_sync(self) -> Iterator[Difference]:
        found = self.found.config.get(_IN_SYNC)
        if found is None or self.found.replicas < SAFE_IN_SYNC:
            return
        if int(found) > self.found.replicas:
            because = f"it has {self.found.replicas} replicas, so the broker refuses every record"
            yield self._setting(_IN_SYNC, found, str(SAFE_IN_SYNC), Harm.FATAL, because)
        elif int(found) < SAFE_IN_SYNC:
            because = "a record counts as kept when one broker has it, and is lost with that broker"
            yield self._setting(_IN_SYNC, found, str(SAFE_IN_SYNC), Harm.WEAK, because)

    def _setting(self, name: str, found: str, wanted: str, harm: Harm, because: str) -> Difference:
        add = f"--alter --entity-type topics --entity-name {self.spec.name} --add-config {name}={wanted}"
        mend = f"kafka-configs.sh --bootstrap-server {self.servers} {add}"
        return Difference(self.spec.name, name, found, wanted, harm, because, mend)

    def _weak(self, what: str, found: str, wanted: str, because: str, mend: str) -> Difference:
        return Difference(self.spec.name, what, found, wanted, Harm.WEAK, because, mend)

    def _topics(self, *arguments: str) -> str:
        return " ".join(
            ("kafka-topics.sh", f"--bootstrap-server {self.servers}", *arguments, f"--topic {self.spec.name}")
        )
