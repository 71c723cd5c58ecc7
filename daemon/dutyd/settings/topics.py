"""The settings of source topics: what they are called, how their records are read, and who shares them.

Part of ``model``; ``topic_of`` makes the value of them that the rest of the program works with.
"""

from typing import Annotated

from pydantic import Field

from dutyd.core.topic import LATENESS, Format, Start, Topic
from dutyd.settings.group import Group
from dutyd.settings.values import Duration, Words

TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]


class FieldNames(Group):
    """Which members of an event hold what dutyd must know about it, where they have other names."""

    id: str | None = None
    """Member that holds the event's id. Default: `id`."""
    source: str | None = None
    """Member that says who published it. Default: `source`."""
    time: str | None = None
    """Member that holds the event time. Default: `time` or `timestamp`."""


class TopicSettings(Group):
    """One source topic, under the alias that rules use in `from`."""

    topic: TopicName | None = None
    """The topic's name at the broker. Default: the alias."""
    format: Format = Format.AUTO
    """How records are read. `auto` tries CloudEvents, Alertmanager, collectd, metric/value/labels and flat JSON, in
    that order, for each record; naming the format saves the trying and refuses all others."""
    partitioned_by: Words = ()
    """The fields whose values the producers use as the record key. A rule whose `per` does not contain them is refused,
    because the events of one entity would be spread over several partitions; `rekey` brings them together."""
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 3
    """How many partitions `publish` creates the topic with where it is missing. Three let three processes share it."""
    start: Start = Start.EARLIEST
    """Where to begin where nothing was read yet. `earliest`, because an alarm must not depend on who started first."""
    lateness: Duration = LATENESS
    """How much later than others an event may arrive (`10s`, `2m`). It delays only the timers of quiet entities; ten
    seconds cover ordinary collectors."""
    fields: FieldNames = FieldNames()
    """Other names for the members `id`, `source` and `time`."""
    rekey: bool = False
    """Whether rules over other fields than `partitioned_by` go through a topic of dutyd's own, where the events of an
    entity come together. It costs a second way through Kafka for what those rules see, and about one second."""


def topic_of(alias: str, settings: TopicSettings) -> Topic:
    """Return the topic that *settings* describe under *alias*."""
    values = {name: getattr(settings, name) for name in TopicSettings.model_fields}
    renames = settings.fields.model_dump(exclude_none=True)
    return Topic(**values | {"alias": alias, "topic": settings.topic or alias, "fields": renames})
