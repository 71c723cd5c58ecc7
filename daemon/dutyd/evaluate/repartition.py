"""After a topic got more partitions: latches go to the task of their entity's new partition; windows start unknown.

``dutyd state repartition`` calls it with every evaluator stopped. The latches of the topic are written to their new
tasks first, then taken from the old ones, and the new partition count is stored last: whoever dies in between is
repeated from the beginning, and no evaluator starts before the end.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from dutyd.core.errors import NotReadyError
from dutyd.core.topic import Topic, record_key, task_name
from dutyd.evaluate.by_key import topic_of
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.engine import NOWHERE, Latch, LatchKey
from dutyd.evaluate.records import latch_name, read_latches, write_latch
from dutyd.evaluate.saved import Answer, Decided, Owner, Saved, Write
from dutyd.stream.base import Partition, Span

Place = Callable[[bytes, int], int]
"""Returns the partition that producers put a record key into, of so many."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What was done for one topic: partitions before and now, latches that changed their partition, and all of them."""

    topic: str
    before: int
    now: int
    moved: int
    latches: int


def repartition(
    checkpoint: Checkpoint, topic: Topic, before: int, spans: Mapping[Partition, Span], place: Place
) -> Moved:
    """Move the state of *topic* from *before* partitions to those of *spans*.

    Raises:
        NotReadyError: Redis does not answer, or a newer dutyd wrote the state: repeat it.

    """
    now = len(spans)
    saved = {number: _take(checkpoint, task_name(topic, before, number)) for number in range(before)}
    fresh: dict[int, dict[bytes, bytes | None]] = defaultdict(dict)
    gone: dict[int, dict[bytes, bytes | None]] = defaultdict(dict)
    moved = 0
    for number, (owner, _) in saved.items():
        for key, latch in read_latches(checkpoint.latches(owner.task)).items():
            if topic_of(latch.topic) == topic.alias:
                target = _partition_of(key, latch, topic, place, now)
                moved += target != number
                # An offset means nothing in another partition.
                kept = latch if target == number else msgspec.structs.replace(latch, offset=NOWHERE)
                fresh[target][latch_name(key)] = write_latch(kept)
                gone[number][latch_name(key)] = None
    for partition, span in spans.items():
        at = saved[partition.number][1].offsets.get(topic.topic) if partition.number < before else None
        owner, _ = _take(checkpoint, task_name(topic, now, partition.number))
        _write(checkpoint, owner, {topic.topic: at or Decided(span.begin)}, fresh[partition.number])
    for number, (owner, _) in saved.items():
        _write(checkpoint, owner, {}, gone[number])
    checkpoint.notes.set_count(topic.topic, now)
    return Moved(topic.topic, before, now, moved, sum(map(len, fresh.values())))


def _partition_of(key: LatchKey, latch: Latch, topic: Topic, place: Place, count: int) -> int:
    """Return where producers put the entity's events: by the values of ``partitioned_by``; without it there is one.
    To a by-key topic dutyd brings them itself, by all values.
    """
    if topic.carries:
        return place(record_key(key[1]), count)
    values = dict(zip(latch.per or (), key[1], strict=False))
    return place(record_key(tuple(values[name] for name in topic.partitioned_by)), count) if topic.partitioned_by else 0


def _take(checkpoint: Checkpoint, task: str) -> tuple[Owner, Saved]:
    """Own *task*, so that an evaluator that still runs is stopped by its next write; return how far it is. What its
    windows held is of other entities from now on.
    """
    owner, _ = checkpoint.claim(task, secrets.token_hex(16))
    checkpoint.forget_windows(task)
    return owner, checkpoint.load(task)


def _write(
    checkpoint: Checkpoint, owner: Owner, offsets: Mapping[str, Decided], latches: Mapping[bytes, bytes | None]
) -> None:
    write = Write(owner, checkpoint.number(), offsets, latches)
    if checkpoint.write([write]) != [Answer.OWN]:
        raise NotReadyError(f"task {owner.task} was taken meanwhile: stop every evaluator, then repeat this")
