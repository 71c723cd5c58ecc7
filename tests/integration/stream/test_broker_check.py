"""Own topics that somebody else created: what is weak is said, what would lose records stops the start."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from dutyd.app.broker_check import prepare_own_topics
from dutyd.core.errors import WrongError
from dutyd.core.topic import OwnTopics
from dutyd.stream.base import Stream, TopicSpec
from dutyd.stream.kafka import KafkaStream
from support.broker import Broker


@pytest.fixture
def stream(real_broker: Broker) -> Iterator[Stream]:
    opened = KafkaStream(f"kafka://{real_broker.address}", {})
    yield opened
    opened.close()


def test_what_is_weak_is_said_once_for_all_topics(stream: Stream, unique: str) -> None:
    own = OwnTopics(unique)
    with capture_logs() as said:
        prepare_own_topics(stream, own)
    (weak,) = [line for line in said if line["log_level"] == "warning"]
    assert weak["what"] == "replicas"
    assert weak["topics"] == ", ".join(own.all())


def test_a_triggers_topic_that_forgets_stops_the_start_and_names_the_command(stream: Stream, unique: str) -> None:
    own = OwnTopics(unique)
    stream.ensure(TopicSpec(own.triggers, 3))
    with pytest.raises(
        WrongError, match=rf"'{own.triggers}' has cleanup.policy delete, wanted compact.*kafka-configs.sh"
    ):
        prepare_own_topics(stream, own)
