"""What an installation's own topics must look like."""

from dutyd.core.topic import OwnTopics
from dutyd.stream.own_topics import own_topics


def test_every_own_topic_has_its_settings() -> None:
    topics = OwnTopics("shop")
    specs = {spec.name: spec for spec in own_topics(topics)}
    assert set(specs) == set(topics.all())
    assert specs["shop.triggers"].config == {"cleanup.policy": "compact", "min.compaction.lag.ms": "604800000"}
    assert specs["shop.outcomes"].config == {"cleanup.policy": "compact"}
    assert specs["shop.dead-letters"].config["cleanup.policy"] == "delete"
