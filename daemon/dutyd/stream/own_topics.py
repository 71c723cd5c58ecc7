"""An installation's own topics and the settings they are created with (``Stream.ensure``) at start.

Triggers and outcomes are compacted: the newest record of each key stays for good. A trigger's older records stay at
least a week, so that a worker that was away sees every change. Dead letters are kept for a month, and may be larger
than what the broker lets into other topics by default: a record that was too large is one, too. What people decided
is kept for a year. By-key topics are read at once; a week covers long windows, which a restart reads again.
"""

from dutyd.core.topic import OwnTopics
from dutyd.stream.base import TopicSpec

PARTITIONS = 3
"""Of the triggers and outcomes topics: how many workers can share them."""

_DAY_MS = 24 * 60 * 60 * 1000
_LARGEST = {"max.message.bytes": str(16 * 1024 * 1024)}


def own_topics(topics: OwnTopics) -> tuple[TopicSpec, ...]:
    """Return what *topics* have to look like."""
    compact = {"cleanup.policy": "compact"}
    week = {"cleanup.policy": "delete", "retention.ms": str(7 * _DAY_MS)}
    month = {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY_MS)}
    return (
        TopicSpec(topics.triggers, PARTITIONS, compact | {"min.compaction.lag.ms": str(7 * _DAY_MS)}),
        TopicSpec(topics.outcomes, PARTITIONS, compact),
        TopicSpec(topics.dead_letters, 1, month | _LARGEST),
        TopicSpec(topics.audit, 1, {"cleanup.policy": "delete", "retention.ms": str(366 * _DAY_MS)}),
        *(TopicSpec(topics.by_key(alias), partitions, week) for alias, partitions in topics.rekeyed),
    )
