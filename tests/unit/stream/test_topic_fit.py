"""What of a topic that somebody else created is named, and what of it lets dutyd not start."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from dutyd.core.topic import OwnTopics
from dutyd.stream.base import TopicSpec
from dutyd.stream.fit import Harm
from dutyd.stream.kafka.topic_fit import FoundTopic, differences
from dutyd.stream.own_topics import own_topics

OWN = own_topics(OwnTopics("duty"))
TRIGGERS, OUTCOMES, DEAD_LETTERS = OWN[:3]
SEVEN_DAYS = "604800000"

DEFAULTS = {
    "cleanup.policy": "delete",
    "min.compaction.lag.ms": "0",
    "retention.ms": SEVEN_DAYS,
    "retention.bytes": "-1",
    "max.message.bytes": "1048588",
    "min.insync.replicas": "2",
}


def found(
    spec: TopicSpec, changed: Mapping[str, str] | None = None, *, partitions: int = 3, copies: int = 3
) -> FoundTopic:
    """Return a topic on three brokers as *spec* wants it, but for what is *changed*."""
    return FoundTopic(partitions, copies, 3, DEFAULTS | dict(spec.config) | dict(changed or {}))


@pytest.mark.parametrize("spec", OWN)
def test_a_topic_as_dutyd_creates_it_differs_in_nothing(spec: TopicSpec) -> None:
    assert differences(spec, found(spec), "k:9092") == ()


@pytest.mark.parametrize("spec", OWN)
def test_more_than_was_asked_for_is_no_difference(spec: TopicSpec) -> None:
    more = {"min.compaction.lag.ms": "9999999999999", "max.message.bytes": "99999999"}
    if spec.config["cleanup.policy"] == "delete":
        more["retention.ms"] = "-1"
    assert differences(spec, found(spec, more, partitions=50), "k:9092") == ()


@pytest.mark.parametrize(
    ("spec", "changed", "what", "harm"),
    [
        (TRIGGERS, {"cleanup.policy": "delete"}, "cleanup.policy", Harm.FATAL),
        (TRIGGERS, {"cleanup.policy": "compact,delete"}, "cleanup.policy", Harm.FATAL),
        (OUTCOMES, {"cleanup.policy": "delete"}, "cleanup.policy", Harm.FATAL),
        (OUTCOMES, {"cleanup.policy": "delete", "retention.ms": "-1"}, "cleanup.policy", Harm.WEAK),
        (
            OUTCOMES,
            {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "9"},
            "cleanup.policy",
            Harm.FATAL,
        ),
        (DEAD_LETTERS, {"cleanup.policy": "compact"}, "cleanup.policy", Harm.FATAL),
        (DEAD_LETTERS, {"cleanup.policy": "compact,delete"}, "cleanup.policy", Harm.FATAL),
        (TRIGGERS, {"min.compaction.lag.ms": "0"}, "min.compaction.lag.ms", Harm.WEAK),
        (DEAD_LETTERS, {"retention.ms": SEVEN_DAYS}, "retention.ms", Harm.WEAK),
        (DEAD_LETTERS, {"max.message.bytes": "1048588"}, "max.message.bytes", Harm.WEAK),
        (TRIGGERS, {"min.insync.replicas": "1"}, "min.insync.replicas", Harm.WEAK),
        (TRIGGERS, {"min.insync.replicas": "4"}, "min.insync.replicas", Harm.FATAL),
    ],
)
def test_a_setting_that_does_not_fit_is_named_with_what_it_does_and_the_command_that_mends_it(
    spec: TopicSpec, changed: dict[str, str], what: str, harm: Harm
) -> None:
    (difference,) = differences(spec, found(spec, changed), "k:9092")
    assert (difference.what, difference.harm) == (what, harm)
    assert f"kafka-configs.sh --bootstrap-server k:9092 --alter --entity-type topics --entity-name {spec.name}" in (
        difference.mend
    )
    assert f"{what}={difference.wanted}" in difference.mend
    assert f"topic '{spec.name}' has {what} {difference.found}, wanted {difference.wanted}" in str(difference)


def test_compaction_that_also_deletes_does_no_harm_where_nothing_grows_old() -> None:
    kept = found(TRIGGERS, {"cleanup.policy": "compact,delete", "retention.ms": "-1"})
    assert differences(TRIGGERS, kept, "k:9092") == ()


def test_few_partitions_are_weak_and_adding_some_later_is_not_advised() -> None:
    (difference,) = differences(TRIGGERS, found(TRIGGERS, partitions=1), "k:9092")
    assert difference.harm is Harm.WEAK
    assert difference.mend.startswith("only before its first use: kafka-topics.sh")


@pytest.mark.parametrize(("brokers", "advice"), [(1, "the cluster has one broker"), (3, "kafka-reassign")])
def test_a_single_copy_is_weak(brokers: int, advice: str) -> None:
    lone = replace(found(TRIGGERS, {"min.insync.replicas": "1"}, copies=1), brokers=brokers)
    (difference,) = differences(TRIGGERS, lone, "k:9092")
    assert (difference.what, difference.harm) == ("replicas", Harm.WEAK)
    assert difference.mend.startswith(advice)


def test_settings_that_are_not_shown_are_weak_and_name_the_right() -> None:
    (difference,) = differences(TRIGGERS, FoundTopic(3, 3, 3, {}), "k:9092")
    assert difference.harm is Harm.WEAK
    assert "cleanup.policy=compact" in difference.wanted
    assert "DescribeConfigs" in difference.mend
