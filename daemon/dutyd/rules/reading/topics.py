"""Hold a rule's ``from`` and ``per`` against the source topics of the settings: the alias, and where state can live.

State of an entity is kept where its events arrive. On a topic of several partitions that works only if producers
spread records by fields that belong to the entity; anything else would count in pieces, silently.
"""

from dutyd.core.errors import nearest
from dutyd.core.topic import Topic
from dutyd.rules.known import Known
from dutyd.rules.reading.fields import Fields


def check_topic(fields: Fields, known: Known, alias: str, per: tuple[str, ...] | None) -> None:
    """Report an alias that the settings don't have, and a ``per`` that the topic's records are not spread by.

    *per* is None where it can't be read.
    """
    if known.topics is None:
        return
    topic = known.topics.get(alias)
    if topic is None:
        valid = tuple(sorted(known.topics))
        message = f"there is no topic '{alias[:60]}' in the settings{nearest(alias, valid)}"
        hint = f"there are {', '.join(valid)}" if valid else "the settings have no topics yet"
        fields.source.report(fields.node_of("from") or fields.node, "unknown-topic", message, hint)
    elif per is not None and topic.partitions > 1 and not (topic.rekey or topic.keeps_together(per)):
        at = fields.node_of("per") or fields.key("from")
        fields.source.report(at, "not-partitioned", *_why(topic, per))


def _why(topic: Topic, per: tuple[str, ...]) -> tuple[str, str]:
    entity = ", ".join(per) or "the whole rule"
    if not topic.partitioned_by:
        message = f"topic '{topic.alias}' has {topic.partitions} partitions and does not say `partitioned_by`"
        hint = f"set topics.{topic.alias}.partitioned_by in the settings to the fields that producers use as record key"
        return message, hint
    spread = ", ".join(topic.partitioned_by)
    message = f"state per {entity} can't be kept: topic '{topic.alias}' is spread over its partitions by {spread}"
    hint = f"add {spread} to `per`, or set topics.{topic.alias}.rekey to true: see docs/kafka.md"
    return message, hint
