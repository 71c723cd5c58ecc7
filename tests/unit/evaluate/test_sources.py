"""What a by-key partition says of the source partitions that it brings together."""

from functools import partial

import msgspec
import pytest
from prometheus_client import REGISTRY

from dutyd.core.event import Event
from dutyd.core.topic import Topic, by_key_alias
from dutyd.evaluate.by_key import Carried
from dutyd.evaluate.merge import Merge
from dutyd.evaluate.saved import Decided
from dutyd.evaluate.sources import ByKeySource, Source
from dutyd.stream.base import Partition
from support.records import FakeRecord


def carried(number: int) -> FakeRecord:
    at = float(number)
    event = Event(id="e", source="metrics", time=at, arrival=at, offset=number, fields={"service": "a"})
    return FakeRecord(msgspec.json.encode(Carried(0, at, ("service",), event)), number, number * 1000)


def stalled(alias: str) -> float:
    return REGISTRY.get_sample_value("dutyd_partitions_stalled_total", {"topic": alias}) or 0.0


def empty() -> float:
    return REGISTRY.get_sample_value("dutyd_events_dropped_total", {"reason": "empty"}) or 0.0


def test_a_record_that_holds_no_event_is_counted_when_it_is_decided_and_not_when_it_is_replayed() -> None:
    topic, before = Topic(alias="metrics", topic="t"), empty()
    taken = Source(topic, Partition("t", 0), Decided(2), 0).take([FakeRecord(b"[]", number) for number in range(5)])
    assert (taken.bad, empty() - before) == ([], 3)


def test_a_partition_that_the_others_stop_waiting_for_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dutyd.evaluate.sources.Merge", partial(Merge, most=3))
    topic = Topic(alias=by_key_alias("metrics"), topic="t.by-key.metrics", carries="metrics")
    source, before = ByKeySource(topic, Partition(topic.topic, 0), Decided(0), 0, sources=2), stalled("metrics")
    source.take([carried(number) for number in range(3)])
    assert stalled("metrics") == before
    source.take([carried(number) for number in range(3, 6)])
    assert stalled("metrics") == before + 1
    source.take([carried(6)])  # it still stands still: nothing new
    assert stalled("metrics") == before + 1
