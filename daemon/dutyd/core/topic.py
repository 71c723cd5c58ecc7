"""A source topic as the settings describe it, and the names of dutyd's own topics.

Read by the decoder (format, field names), by the rule checker (``partitioned_by``), by ``publish`` (keys) and by
the evaluate path (where to start).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote


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
    """

    alias: str
    topic: str
    format: Format = Format.AUTO
    partitioned_by: tuple[str, ...] = ()
    partitions: int = 3
    start: Start = Start.EARLIEST
    lateness: float = 10.0
    fields: Mapping[str, str] = field(default_factory=dict)
    rekey: bool = False


@dataclass(frozen=True, slots=True)
class OwnTopics:
    """The names of an installation's own topics."""

    installation: str

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

    def all(self) -> tuple[str, ...]:
        """Every own topic: none of them can be a source."""
        return (self.triggers, self.outcomes, self.dead_letters, self.audit)


def record_key(values: tuple[str, ...]) -> bytes:
    """Return the record key for *values* of ``partitioned_by`` fields: percent-encoded, joined by ``/``."""
    return "/".join(quote(value, safe="") for value in values).encode()
