"""An evaluate path on real servers, driven turn by turn, with places where it can be made to die.

``Path`` is one installation on one stream backend: source topics, rules, a checkpoint. Tests publish events, make
evaluators, abandon them at a chosen point, and look at what the triggers topic holds.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import redis

from dutyd.core.expr import parse
from dutyd.core.incident import Trigger
from dutyd.core.rule import Rule, RuleSet
from dutyd.core.topic import OwnTopics, Topic
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.looking import progress_of
from dutyd.evaluate.path import Evaluator
from dutyd.evaluate.saved import Answer, Write
from dutyd.stream.base import Partition, Producer, Stream, TopicSpec
from dutyd.stream.dead_letters import DeadLetter, read_dead_letter
from dutyd.stream.own_topics import own_topics

PATIENCE = 120.0
"""Seconds for something to come true; it takes far less unless it is broken."""


class DeathError(BaseException):
    """The process is gone: nothing catches it."""


class MortalCheckpoint(Checkpoint):
    """Dies before or after the next write that stores a trigger, when told to."""

    dies = ""

    def write(self, writes: Sequence[Write]) -> list[Answer]:
        tells = any(write.triggers for write in writes)
        if tells and self.dies == "before write":
            raise DeathError(self.dies)
        answers = super().write(writes)
        if tells and self.dies == "after write":
            raise DeathError(self.dies)
        return answers


class MortalProducer:
    """Dies after it delivered, before anybody learns of it, when told to."""

    dies = ""

    def __init__(self, real: Producer) -> None:
        self._real = real
        self.send, self.put_back, self.close = real.send, real.put_back, real.close

    def flush(self) -> None:
        self._real.flush()
        if self.dies == "after produce":
            raise DeathError(self.dies)


class MortalStream:
    """The real stream, with mortal producers."""

    def __init__(self, real: Stream) -> None:
        self._real = real
        self.made: list[MortalProducer] = []

    def producer(self) -> MortalProducer:
        self.made.append(MortalProducer(self._real.producer()))
        return self.made[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def a_rule(name: str = "errors", when: str = "error_count > 10", **options: Any) -> Rule:
    """Return a rule over the topic ``metrics`` by service."""
    return Rule(id=name, when=parse(when), **{"topic": "metrics", "per": ("service",), **options})


def rule_set(*rules: Rule, digest: str = "one") -> RuleSet:
    return RuleSet(digest, {rule.id: rule for rule in rules}, {})


class Path:
    """One installation: its topics, its rules, its checkpoint."""

    def __init__(self, stream: Stream, client: "redis.Redis", name: str, partitions: int) -> None:
        self.stream = stream
        self.client = client
        self.name = name
        self.own = OwnTopics(name)
        self.topics = {"metrics": Topic(alias="metrics", topic=f"{name}-metrics", partitions=partitions)}
        self.rules = rule_set(a_rule())
        self.ahead = 0.0  # how far the evaluators' clock is ahead
        self._number = 0
        self._producer = stream.producer()
        for spec in own_topics(self.own):
            stream.ensure(spec)
        for topic in self.topics.values():
            stream.ensure(TopicSpec(topic.topic, partitions))

    def publish(self, *events: Mapping[str, Any], topic: str = "metrics") -> None:
        """Publish *events*, keyed by service; each is numbered and dated where it does not say so itself."""
        for event in events:
            self._number += 1
            whole = {"id": f"e{self._number}", "time": now_text(), **event}
            key = str(event.get("service", "")).encode()
            self.publish_raw(json.dumps(whole).encode(), key=key, topic=topic)

    def publish_raw(self, value: bytes, *, key: bytes = b"k", topic: str = "metrics") -> None:
        self._producer.send(self.topics[topic].topic, value, key=key)
        self._producer.flush()

    def evaluator(self, checkpoint: Checkpoint | None = None, stream: Stream | None = None) -> Evaluator:
        """Make an evaluator; its rules are this path's, whenever it asks."""
        return Evaluator(
            self.name,
            self.topics,
            stream or self.stream,
            checkpoint or self.checkpoint(),
            lambda: self.rules,
            self.now,
        )

    def now(self) -> float:
        """Return what the evaluators take for the time."""
        return time.time() + self.ahead  # noqa: TID251  # the edge

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.client, self.name)

    def triggers(self) -> list[Trigger]:
        """Return what the triggers topic holds, in the order of decisions."""
        found = [msgspec.json.decode(record.value or b"", type=Trigger) for _, record in self._scan(self.own.triggers)]
        return sorted(found, key=lambda trigger: (trigger.decided, trigger.kind == "cleared"))

    def told(self) -> list[tuple[str, str, str]]:
        """Return kind, rule and service of each trigger."""
        return [(trigger.kind.value, trigger.rule, trigger.entity.get("service", "")) for trigger in self.triggers()]

    def dead_letters(self) -> list[DeadLetter]:
        return [read_dead_letter(record) for _, record in self._scan(self.own.dead_letters)]

    def _scan(self, topic: str) -> list[Any]:
        return list(self.stream.scan(topic))

    def decided_all(self) -> bool:
        """Whether Redis says that everything published is decided and told."""
        return self.decided_in(list(self.topics.values()), {})

    def decided_in(self, topics: Sequence[Topic], ends: Mapping[Partition, int]) -> bool:
        """Whether *topics* are decided and told up to *ends*, or where those are not given to their ends now."""
        found = list(progress_of(self.stream, self.checkpoint(), topics))
        at = {each: progress.offsets.get(each.topic) for each, _, progress in found}
        told = not any(progress.waiting for _, _, progress in found)
        return told and all(
            (decided := at[each]) is not None and decided.below >= ends.get(each, span.end) for each, span, _ in found
        )

    def settle(self, *evaluators: Evaluator) -> None:
        """Turn *evaluators* until everything is decided."""
        turn_until(self.decided_all, *evaluators)

    def forget_checkpoints(self) -> None:
        """Delete what Redis remembers of tasks."""
        for key in self.client.scan_iter(f"{self.name}:task:*"):
            self.client.delete(key)

    def close(self) -> None:
        self._producer.close()


def turn_until(done: Callable[[], bool], *evaluators: Evaluator) -> None:
    """Turn *evaluators* one after the other until *done*."""

    def turned() -> bool:
        for evaluator in evaluators:
            evaluator.turn()
        return done()

    wait_until(turned)


def wait_until(done: Callable[[], bool]) -> None:
    """Ask until *done*."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it does not come true"
        time.sleep(0.01)


def abandon(evaluator: Evaluator) -> None:
    """Leave *evaluator* as a kill leaves it, except that the group learns at once."""
    consumer = evaluator._member.consumer
    if consumer is not None:
        consumer.close()


def stopped(evaluator: Evaluator) -> None:
    """Stop *evaluator* as SIGTERM does: what it decided is written and committed."""
    stop = threading.Event()
    stop.set()
    evaluator.run(stop)


def now_text(ahead: float = 0.0) -> str:
    """Return the time in *ahead* seconds as events tell it."""
    at = time.time() + ahead  # noqa: TID251  # the edge
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f"{at % 1:.6f}"[1:] + "Z"
