"""A source topic as the settings describe it, and the names of dutyd's own topics.

Read by the decoder (format, field names), by the rule checker (``partitioned_by``), by ``publish`` (keys) and by
the evaluate path (where to start).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import quote

LATENESS: Final = 10.0
"""Seconds; a topic's ``lateness`` where nobody says another."""


class Format(StrEnum):
    """How a record's value is to be read; ``auto`` tries each in the order of this list (flat last)."""

    AUTO = "auto"
    CLOUDEVENTS = "cloudevents"
    ALERTMANAGER = "alertmanager"
    COLLECTD = "collectd"
    METRIC = "metric"
    FLAT = "flat"


class Start(StrEnum):
    """Where a group without a committed offset begins."""

    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One source topic.

    Attributes:
        alias: the name that rules use in ``from``.
        topic: the topic's name at the broker.
        format: how records are decoded.
        partitioned_by: the fields whose values the producers use as the record key; empty when unknown.
        partitions: how many partitions to create it with where it is missing.
        start: where a group without a committed offset begins.
        lateness: seconds that events may arrive out of order before timers of quiet entities fire.
        fields: renames, such as ``{"id": "event_id", "time": "ts"}``.
        rekey: whether rules over other fields go through a by-key topic of dutyd's own.
        carries: of a by-key topic, the real name of the source topic whose events it carries; empty: it is a source.
    """

    alias: str
    topic: str
    format: Format = Format.AUTO
    partitioned_by: tuple[str, ...] = ()
    partitions: int = 3
    start: Start = Start.EARLIEST
    lateness: float = LATENESS
    fields: Mapping[str, str] = field(default_factory=dict)
    rekey: bool = False
    carries: str = ""

    def keeps_together(self, per: tuple[str, ...]) -> bool:
        """Whether producers put all events of an entity of the fields *per* into one partition."""
        return bool(self.partitioned_by) and set(self.partitioned_by) <= set(per)


@dataclass(frozen=True, slots=True)
class OwnTopics:
    """The names of an installation's own topics.

    Attributes:
        installation: their prefix.
        rekeyed: alias and partition count of each source topic that says ``rekey``.

    """

    installation: str
    rekeyed: tuple[tuple[str, int], ...] = ()

    @property
    def triggers(self) -> str:
        """Incidents opened, changed and cleared: compacted by rule + entity."""
        return f"{self.installation}.triggers"

    @property
    def outcomes(self) -> str:
        """Ended effects, approval decisions, closed incidents: compacted by effect key or incident id."""
        return f"{self.installation}.outcomes"

    @property
    def dead_letters(self) -> str:
        """Records that could not be understood, with the reason in headers."""
        return f"{self.installation}.dead-letters"

    @property
    def audit(self) -> str:
        """What people decided: who, what, when and why."""
        return f"{self.installation}.audit"

    def by_key(self, alias: str) -> str:
        """The events of a source topic once more, by the entities of rules that its own keys do not fit."""
        return f"{self.installation}.by-key.{alias}"

    @property
    def by_keys(self) -> tuple[str, ...]:
        """The by-key topics that there are."""
        return tuple(self.by_key(alias) for alias, _ in self.rekeyed)

    def all(self) -> tuple[str, ...]:
        """Every own topic: none of them can be a source."""
        return (self.triggers, self.outcomes, self.dead_letters, self.audit, *self.by_keys)


def own_topics_of(installation: str, topics: Iterable[Topic]) -> OwnTopics:
    """Return the own topics of an installation with the source *topics*."""
    return OwnTopics(installation, tuple((topic.alias, topic.partitions) for topic in topics if topic.rekey))


def read_topics(own: OwnTopics, sources: Iterable[Topic]) -> tuple[Topic, ...]:
    """Return what evaluators read: *sources*, and the by-key topics of those that have one."""
    sources = tuple(sources)
    return (*sources, *(_by_key(own, topic) for topic in sources if topic.rekey))


def _by_key(own: OwnTopics, topic: Topic) -> Topic:
    return Topic(
        alias=by_key_alias(topic.alias),
        topic=own.by_key(topic.alias),
        partitions=topic.partitions,
        lateness=topic.lateness,
        carries=topic.topic,
    )


def by_key_alias(alias: str) -> str:
    """Return what a by-key topic is called in metrics and logs."""
    return f"{alias} by key"


def task_name(topic: Topic, count: int, number: int) -> str:
    """Return the task of partition *number* of *topic*, which has *count*: one over all sources with as many; a
    by-key topic has tasks of its own, because its time waits for other partitions than theirs.
    """
    return f"{topic.alias.replace(' ', '-')}.{count}.{number}" if topic.carries else f"{count}.{number}"


def record_key(values: tuple[str, ...]) -> bytes:
    """Return the record key for *values* of ``partitioned_by`` fields: percent-encoded, joined by ``/``."""
    return "/".join(quote(value, safe="") for value in values).encode()
