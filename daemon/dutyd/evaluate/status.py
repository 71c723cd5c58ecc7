"""What the evaluator says about itself to other threads: readiness, ``run --until-idle``, the heartbeat.

The evaluator's thread replaces the whole value after each turn; a reader takes the reference and has one consistent
picture, without a lock. Other processes find the decided offsets in Redis (``Checkpoint.progress``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dutyd.stream.base import Partition


@dataclass(frozen=True, slots=True)
class Status:
    """One picture of the evaluator.

    Attributes:
        joined: whether it was ever given partitions, or stands by because others have them all.
        turned: the clock's time of the last turn that went well, seconds since the epoch.
        trouble: why it waits; empty while all is well.
        waiting: partitions that are ours and not yet taken up.
        decided: per partition that is ours, the next offset to decide, as it stands in Redis.
        unacked: triggers that were decided and are not yet known to be in the triggers topic.
        missing: source topics that do not exist and are waited for, by their real names.

    """

    joined: bool = False
    turned: float = 0.0
    trouble: str = ""
    waiting: frozenset[Partition] = frozenset()
    decided: Mapping[Partition, int] = field(default_factory=dict)
    unacked: int = 0
    missing: tuple[str, ...] = ()
